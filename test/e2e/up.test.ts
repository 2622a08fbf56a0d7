import { copyFile, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { makePublicKey } from '../support/bramble-yaml.ts';
import { runBuiltCli, startCli } from '../support/built-cli.ts';
import { imageArchives } from '../support/machines/agent-archive.ts';
import { recordCommandLines } from '../support/machines/command-lines.ts';
import { piPassword } from '../support/machines/debian.ts';
import { type Machines, preparationMs, startMachines, whyNoMachines } from '../support/machines/machines.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { until } from '../support/wait.ts';

/** The longest step, on a machine that has much else to do. */
const upMs = 600_000;

interface Finished {
  readonly steps: number;
  readonly tookMs: number;
  readonly gateway: string;
  readonly passwordsFile: string;
  readonly nodes: readonly { readonly name: string; readonly state: string }[];
  readonly failures: readonly {
    readonly node: string;
    readonly phase: string;
    readonly error: { readonly code: string };
  }[];
}

/** Three bare Debian machines and a fourth for later; a project's folder that knows them as `bramble flash` would leave it. */
describe.skipIf(whyNoMachines() !== '')(`bramble up, on bare machines${whyNoMachines()}`, () => {
  let machines: Machines;
  let folder: string;
  let images: { readonly agent: string; readonly broker: string };
  const transcript: string[] = [];

  beforeAll(async () => {
    [machines, images] = await Promise.all([startMachines({ count: 4, sudo: 'password' }), imageArchives()]);
    folder = await mkdtemp(join(tmpdir(), 'bramble-up-'));
    await mkdir(join(folder, '.bramble'), { mode: 0o700 });
    await copyFile(machines.knownHosts, join(folder, '.bramble/known_hosts'));
    await describeNodes(3);
  }, preparationMs);
  afterAll(async () => {
    await machines?.stop();
    if (folder !== undefined) removeFolder(folder);
  });

  async function describeNodes(count: number): Promise<void> {
    const nodes = machines.all.slice(0, count).map(({ name, address }, i) => ({
      ...{ name, host: address, role: i === 0 ? 'manager' : 'worker' },
      labels: { place: `shelf-${i + 1}` },
    }));
    const cluster = {
      user: { name: 'pi', hasPassword: true, authorizedKeys: [makePublicKey()] },
      ssh: { key: machines.keyFile },
      agent: { image: images.agent, brokerImage: images.broker },
      nodes,
    };
    await writeFile(join(folder, 'bramble.yaml'), stringify({ cluster }));
  }

  const surroundings = () => ({ cwd: folder, env: { BRAMBLE_USER_PASSWORD: piPassword } });
  async function bramble(...argv: readonly string[]) {
    const result = await runBuiltCli(argv, surroundings());
    transcript.push(result.stdout, result.stderr);
    return result;
  }
  async function up(
    ...argv: readonly string[]
  ): Promise<{ exit: number | null; finished: Finished; text: string }> {
    const { exit, stdout, stderr } = await bramble('up', '--json', ...argv);
    const last = stdout.trim().split('\n').at(-1) ?? '';
    if (!last.includes('"finished"'))
      throw new Error(`bramble up ended otherwise: ${stdout.slice(-2000)}${stderr}`);
    return { exit, finished: JSON.parse(last), text: stdout };
  }
  const states = ({ nodes }: Finished) => nodes.map(({ name, state }) => `${name} ${state}`);
  const gatewayOf = (index: number) => `http://${machines.at(index).address}:8080`;

  it('plans, and changes nothing with --dry-run', async () => {
    const { exit, stdout } = await bramble('up', '--dry-run');
    expect(exit).toBe(0);
    expect(stdout).toContain('install Docker from Debian');
    await expect(machines.at(0).exec(['docker', 'version'])).rejects.toThrow();
  });

  it('makes a verified cluster of three bare machines', { timeout: upMs }, async () => {
    const recording = recordCommandLines(machines.all);
    const { exit, finished } = await up();
    await recording.stop();
    transcript.push(...recording.seen);
    expect(finished.failures).toEqual([]);
    expect(exit).toBe(0);
    expect(states(finished)).toEqual(['pi-01 ready', 'pi-02 ready', 'pi-03 ready']);
    console.log(`bare → verified: ${finished.steps} steps in ${Math.round(finished.tookMs / 1000)} s`);
    for (const index of [0, 1, 2]) expect((await fetch(`${gatewayOf(index)}/healthz`)).status).toBe(200);
  });

  it('has nothing to do when it is run again', async () => {
    const { exit, finished } = await up();
    expect(exit).toBe(0);
    expect(finished.steps).toBe(0);
    console.log(`nothing to do, seen in ${(finished.tookMs / 1000).toFixed(1)} s`);
  });

  it('leaves a cluster on whose every node a function answers', async () => {
    const { finished } = await up();
    const { gateway } = parse(await readFile(finished.passwordsFile, 'utf8'));
    const format = '{{.Spec.TaskTemplate.ContainerSpec.Image}}';
    const service = ['docker', 'service', 'inspect', '--format', format, 'bramble_agent'];
    const image = (await machines.at(0).exec(service)).trim();
    const hello = {
      image,
      environment: { NODE_OPTIONS: answering('hello') },
      // Not with the health check of the agent's image, which would run the same server once more.
      labels: { 'com.openfaas.scale.min': '3', 'com.openfaas.scale.zero': 'true' },
    };
    await writeFile(join(folder, 'stack.yml'), stringify({ functions: { hello } }));
    const argv = ['deploy', '-f', 'stack.yml', '-g', gatewayOf(1), '--password-stdin'];
    const deployed = await runBuiltCli(argv, { ...surroundings(), stdin: gateway.password });
    expect(deployed).toMatchObject({ exit: 0 });
    for (const index of [0, 1, 2])
      expect(await (await fetch(`${gatewayOf(index)}/function/hello`)).text()).toBe('hello');
  });

  it('takes a node that was added to the file, and touches no other', { timeout: upMs }, async () => {
    await describeNodes(4);
    const { exit, finished, text } = await up();
    expect(exit).toBe(0);
    expect(states(finished)).toContain('pi-04 ready');
    const installed = text
      .split('\n')
      .filter((line) => line.includes('"step-ended"') && line.includes('install Docker'));
    expect(installed.map((line) => JSON.parse(line).node)).toEqual(['pi-04']);
  });

  it('refuses a machine that shows another host key, goes on with the others, and takes it back when it is pinned', {
    timeout: upMs,
  }, async () => {
    const machine = machines.at(3);
    await machine.kill();
    await machine.wipe({ renewHostKey: true });
    await machine.start();
    const refused = await up();
    expect(refused.exit).not.toBe(0);
    expect(refused.finished.failures).toMatchObject([{ node: 'pi-04', error: { code: 'HOST_KEY_CHANGED' } }]);
    machines.pin(3);
    await copyFile(machines.knownHosts, join(folder, '.bramble/known_hosts'));
    const { exit, finished } = await up();
    expect(exit).toBe(0);
    expect(states(finished)).toContain('pi-04 ready');
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

  it('stops cleanly at Ctrl-C, and a rerun goes on from there', { timeout: upMs }, async () => {
    const machine = machines.at(3);
    await machine.kill();
    await machine.wipe({ renewHostKey: false });
    await machine.start();
    const child = startCli(['up', '--json'], surroundings());
    let said = '';
    child.stdout.on('data', (text: Buffer) => (said += text));
    child.stderr.resume();
    await until('Docker is being installed', () => said.includes('install Docker'), 60_000);
    child.kill('SIGINT');
    await new Promise((resolve) => child.once('close', resolve));
    expect(child.exitCode).toBe(130);
    const { exit, finished } = await up();
    expect(exit).toBe(0);
    expect(states(finished)).toContain('pi-04 ready');
  });

  it('names the node on which apt is broken, and brings up the others', { timeout: upMs }, async () => {
    const machine = machines.at(3);
    await machine.kill();
    await machine.wipe({ renewHostKey: false });
    await machine.start();
    await machine.exec(['mv', '/srv/debian', '/srv/elsewhere']);
    const { exit, finished } = await up();
    expect(exit).not.toBe(0);
    expect(finished.failures).toMatchObject([{ node: 'pi-04', phase: 'docker' }]);
    expect(states(finished)).toContain('pi-01 ready');
    await machine.exec(['mv', '/srv/elsewhere', '/srv/debian']);
    expect((await up()).exit).toBe(0);
  });

  it('has told no secret: not in its output, not in a list of processes, not in a journal', async () => {
    const { finished } = await up();
    const login = parse(await readFile(finished.passwordsFile, 'utf8'));
    const journals = await Promise.all(machines.all.map((machine) => machine.journal()));
    const all = [...transcript, ...journals].join('\n');
    for (const secret of [piPassword, login.gateway.password, login.broker.password, 'SWMTKN-']) {
      expect(secret).not.toBe('');
      expect(all.includes(secret)).toBe(false);
    }
  });
});

/** Has Node.js serve a word before it comes to the program of its image: functions can be made of what is on the nodes. */
function answering(word: string): string {
  const server = `import{createServer}from'node:http';createServer((q,s)=>s.end('${word}')).listen(8080);await new Promise(()=>{})`;
  return `--import=data:text/javascript,${encodeURIComponent(server)}`;
}
