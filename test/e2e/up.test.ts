import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { startCli } from '../support/built-cli.ts';
import { deployAnswering } from '../support/machines/answering-function.ts';
import { recordCommandLines } from '../support/machines/command-lines.ts';
import { piPassword } from '../support/machines/debian.ts';
import { type Machines, preparationMs, startMachines, whyNoMachines } from '../support/machines/machines.ts';
import { type Finished, makeUpProject, type UpProject } from '../support/machines/up-project.ts';
import { until } from '../support/wait.ts';

/** The longest step, on a machine that has much else to do. */
const upMs = 600_000;

/** Three bare Debian machines, and a fourth that comes later and has all the mishaps. */
describe.skipIf(whyNoMachines() !== '')(`bramble up, on bare machines${whyNoMachines()}`, () => {
  let machines: Machines;
  let project: UpProject;
  const commandLines: string[] = [];

  beforeAll(async () => {
    machines = await startMachines({ count: 4, sudo: 'password' });
    project = await makeUpProject(machines);
    await project.describe(3);
  }, preparationMs);
  afterAll(async () => {
    await machines?.stop();
    project?.remove();
  });

  const states = ({ nodes }: Finished) => nodes.map(({ name, state }) => `${name} ${state}`);
  const gatewayOf = (index: number) => `http://${machines.at(index).address}:8080`;
  async function makeAnew(renewHostKey = false) {
    const machine = machines.at(3);
    await machine.kill();
    await machine.wipe({ renewHostKey });
    await machine.start();
    return machine;
  }
  async function expectWell() {
    const { exit, finished } = await project.up();
    expect(finished.failures).toEqual([]);
    expect(exit).toBe(0);
    expect(states(finished)).toContain('pi-04 ready');
  }

  it('plans, and changes nothing with --dry-run', async () => {
    const { exit, stdout } = await project.bramble('up', '--dry-run');
    expect(exit).toBe(0);
    expect(stdout).toContain('install Docker from Debian');
    await expect(machines.at(0).exec(['docker', 'version'])).rejects.toThrow();
  });

  it('makes a verified cluster of three bare machines', { timeout: upMs }, async () => {
    const recording = recordCommandLines(machines.all);
    const { exit, finished } = await project.up();
    await recording.stop();
    commandLines.push(...recording.seen);
    expect(finished.failures).toEqual([]);
    expect(exit).toBe(0);
    expect(states(finished)).toEqual(['pi-01 ready', 'pi-02 ready', 'pi-03 ready']);
    console.log(`bare → verified: ${finished.steps} steps in ${Math.round(finished.tookMs / 1000)} s`);
    for (const index of [0, 1, 2]) expect((await fetch(`${gatewayOf(index)}/healthz`)).status).toBe(200);
  });

  it('has nothing to do when it is run again', async () => {
    const { exit, finished } = await project.up();
    expect(exit).toBe(0);
    expect(finished.steps).toBe(0);
    console.log(`nothing to do, seen in ${(finished.tookMs / 1000).toFixed(1)} s`);
  });

  it('leaves a cluster on whose every node a function answers', async () => {
    const { finished } = await project.up();
    await deployAnswering('hello', { project, machines, passwordsFile: finished.passwordsFile });
    for (const index of [0, 1, 2])
      expect(await (await fetch(`${gatewayOf(index)}/function/hello`)).text()).toBe('hello');
  });

  it('names a node whose user may not use sudo, sets no foot on it, and leaves the others in peace', async () => {
    await project.describe(4);
    const machine = machines.at(3);
    await machine.exec(['mv', '/etc/sudoers.d/010_pi', '/var/tmp/']);
    const { exit, finished } = await project.up();
    expect(exit).not.toBe(0);
    expect(finished.failures).toMatchObject([{ node: 'pi-04', error: { code: 'UNAUTHORIZED' } }]);
    expect(finished.steps).toBe(0);
    await machine.exec(['mv', '/var/tmp/010_pi', '/etc/sudoers.d/']);
  });

  it('takes a node that was added to the file, whose clock was wrong, and touches no other', {
    timeout: upMs,
  }, async () => {
    await machines.at(3).setClock(-3_600_000);
    const { exit, finished, events } = await project.up();
    expect(exit).toBe(0);
    expect(states(finished)).toContain('pi-04 ready');
    const ended = events.filter(({ event }) => event === 'step-ended');
    expect(ended).toContainEqual(
      expect.objectContaining({ node: 'pi-04', title: expect.stringMatching(/\b(359|360)\d s behind/) }),
    );
    const installed = ended.filter(({ title }) => title === 'install Docker from Debian');
    expect(installed.map(({ node }) => node)).toEqual(['pi-04']);
  });

  it('refuses a machine that shows another host key, goes on with the others, and takes it back when it is pinned', {
    timeout: upMs,
  }, async () => {
    await makeAnew(true);
    const refused = await project.up();
    expect(refused.exit).not.toBe(0);
    expect(refused.finished.failures).toMatchObject([{ node: 'pi-04', error: { code: 'HOST_KEY_CHANGED' } }]);
    machines.pin(3);
    await project.pin();
    await expectWell();
    const listed = await machines
      .at(0)
      .exec(['docker', 'node', 'ls', '--format', '{{.Hostname}} {{.Status}}']);
    expect(listed.trim().split('\n').sort()).toEqual([
      'pi-01 Ready',
      'pi-02 Ready',
      'pi-03 Ready',
      'pi-04 Ready',
    ]);
  });

  it.each<[string, (child: ReturnType<typeof startCli>) => unknown, () => Promise<void>]>([
    ['at Ctrl-C it stops cleanly', (child) => child.kill('SIGINT'), async () => {}],
    ['a connection that is cut fails its node only', () => machines.at(3).cut(), () => machines.at(3).heal()],
  ])(
    '%s in the middle of a phase, and a rerun goes on from there',
    { timeout: upMs },
    async (_, disturb, mend) => {
      await makeAnew();
      const child = startCli(['up', '--json'], project.surroundings);
      let said = '';
      child.stdout.on('data', (text: Buffer) => (said += text));
      child.stderr.resume();
      await until('Docker is being installed', () => said.includes('install Docker'), 60_000);
      await disturb(child);
      await new Promise((resolve) => child.once('close', resolve));
      expect(child.exitCode).not.toBe(0);
      await mend();
      await expectWell();
    },
  );

  it('names the node on which apt is broken, and brings up the others', { timeout: upMs }, async () => {
    const machine = await makeAnew();
    await machine.exec(['mv', '/srv/debian', '/srv/elsewhere']);
    const { exit, finished } = await project.up();
    expect(exit).not.toBe(0);
    expect(finished.failures).toMatchObject([{ node: 'pi-04', phase: 'docker' }]);
    expect(states(finished)).toContain('pi-01 ready');
    await machine.exec(['mv', '/srv/elsewhere', '/srv/debian']);
    await expectWell();
  });

  it('has told no secret: not in its output, not in a list of processes, not in a journal', async () => {
    const { finished } = await project.up();
    const login = parse(await readFile(finished.passwordsFile, 'utf8'));
    const journals = await Promise.all(machines.all.map((machine) => machine.journal()));
    const all = [...project.transcript, ...commandLines, ...journals].join('\n');
    for (const secret of [piPassword, login.gateway.password, login.broker.password, 'SWMTKN-']) {
      expect(secret).not.toBe('');
      expect(all.includes(secret)).toBe(false);
    }
  });
});
