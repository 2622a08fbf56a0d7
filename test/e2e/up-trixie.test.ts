import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeBase } from '../support/docker/stand-ins.ts';
import { nodeBaseArchive } from '../support/machines/agent-archive.ts';
import { type Machines, preparationMs, startMachines, whyNoMachines } from '../support/machines/machines.ts';
import { openSshWay, type SshWay } from '../support/machines/ssh-way.ts';
import { makeUpProject, type UpProject } from '../support/machines/up-project.ts';
import { until } from '../support/wait.ts';

/** The longest step, on a machine that has much else to do. */
const upMs = 600_000;
const otherPort = 2222;

/** Two bare machines of Debian 13 behind a third, as ~/.ssh/config and an agent know them. */
describe.skipIf(whyNoMachines() !== '')(`bramble up through a jump host${whyNoMachines()}`, () => {
  let machines: Machines;
  let way: SshWay;
  let project: UpProject;

  beforeAll(async () => {
    machines = await startMachines({ release: 'trixie', count: 3 });
    way = await openSshWay(machines, { name: 'shed', index: 2, ports: { 1: otherPort } });
    project = await makeUpProject(machines, { ssh: { jump: 'shed' }, env: way.env });
    await project.describe(2);
  }, preparationMs);
  afterAll(async () => {
    await way?.close();
    await machines?.stop();
    project?.remove();
  });

  it('pins the key of a node that answers at a port which only ~/.ssh/config knows', async () => {
    expect(await machines.at(0).answers()).toBe(false); // to those who come straight from here
    const knownHosts = join(project.folder, '.bramble/known_hosts');
    const lines = (await readFile(knownHosts, 'utf8')).split('\n');
    const { address, hostKey } = machines.at(1);
    await writeFile(knownHosts, lines.filter((line) => !line.startsWith(`${address} `)).join('\n'));
    const { finished } = await project.up('--only', 'validate');
    expect(finished.failures).toMatchObject([{ node: 'pi-02', error: { code: 'HOST_KEY_UNKNOWN' } }]);
    const listed = await machines.at(1).exec(['ssh-keygen', '-lf', '/etc/ssh/ssh_host_ed25519_key.pub']);
    const trusted = await project.bramble('trust', '--fingerprint', `pi-02=${listed.split(' ')[1]}`);
    expect(trusted).toMatchObject({ exit: 0 });
    const key = hostKey.split(' ').slice(0, 2).join(' ');
    expect(await readFile(knownHosts, 'utf8')).toContain(`,[${address}]:${otherPort} ${key}`);
  });

  it('makes a verified cluster, and has nothing to do when it is run again', { timeout: upMs }, async () => {
    const { exit, finished } = await project.up();
    expect(finished.failures).toEqual([]);
    expect(exit).toBe(0);
    expect(finished.nodes).toMatchObject([
      { name: 'pi-01', state: 'ready' },
      { name: 'pi-02', state: 'ready' },
    ]);
    console.log(`bare → verified: ${finished.steps} steps in ${Math.round(finished.tookMs / 1000)} s`);
    expect((await project.up()).finished.steps).toBe(0);
  });

  it('leaves a cluster for functions of one’s own: begun here, built on a node, answering on every node', async () => {
    await machines.at(0).docker('load', '--quiet', '--input', await nodeBaseArchive());
    expect(await project.bramble('new', '--lang', 'node', 'hello')).toMatchObject({ exit: 0 });
    const secret = 'told to nobody';
    const shipped = await project.bramble(
      ...['ship', '--on', 'pi-01', '--build-arg', `BASE=${nodeBase}`, '--build-arg', `TOKEN=${secret}`],
    );
    const image = `${machines.at(0).address}:5000/hello:latest`;
    expect(shipped).toMatchObject({ exit: 0, stdout: expect.stringContaining(`hello pushed: ${image}\n`) });
    const gateway = `http://${machines.at(0).address}:8080`;
    expect(await project.bramble('scale', 'hello', '2', '-g', gateway)).toMatchObject({ exit: 0 });
    for (const machine of [machines.at(0), machines.at(1)]) {
      // A node prefers the replica that it has.
      await until(`the replica of ${machine.name} answers there`, async () => {
        const url = `http://${machine.address}:8080/function/hello`;
        const answer = await fetch(url, { method: 'POST', body: machine.name });
        if ((await answer.text()) !== `{"hello":"${machine.name}"}`) return false;
        const [replica] = (await machine.docker('ps', '--quiet', '--filter', 'name=hello')).split('\n');
        const logs = ['sh', '-c', 'docker logs "$1" 2>&1', 'sh', replica ?? ''];
        return replica && (await machine.exec(logs)).includes('called with POST');
      });
    }
    expect(await machines.at(0).journal()).not.toContain(secret);
    expect(await project.bramble('ssh', 'pi-02', '--', 'hostname')).toMatchObject({ stdout: 'pi-02\n' });
  });

  it('names the jump host when that is what does not answer', async () => {
    await machines.at(2).kill();
    const { exit, finished } = await project.up('--wait', '0');
    expect(exit).not.toBe(0);
    expect(finished.failures.map(({ error }) => error.code)).toEqual(['UNREACHABLE', 'UNREACHABLE']);
    const said = project.transcript.at(-2) ?? '';
    expect(said).toContain('the jump host shed on the way to it does not answer');
  });
});
