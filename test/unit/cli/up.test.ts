import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { printClusterStatus } from '../../../src/cli/cluster/cluster-status.ts';
import { readCluster } from '../../../src/cli/cluster/read-cluster.ts';
import { runUp, type UpFlags } from '../../../src/cli/up/run-up.ts';
import { toBrambleError } from '../../../src/support/errors.ts';
import { makeProject, type Project } from '../../support/bramble-yaml.ts';
import { fakeContext, runInProcess } from '../../support/cli-context.ts';
import { ImpatientClock } from '../../support/impatient-clock.ts';
import { MemoryCluster } from '../../support/memory-cluster/memory-cluster.ts';

let cluster: MemoryCluster;
let project: Project;
beforeEach(() => {
  cluster = new MemoryCluster(['pi-01', 'pi-02', 'pi-03']);
  project = makeProject({
    agent: { image: 'registry.example/bramble:1' },
    nodes: [...cluster.hosts.values()].map(({ name, address }) => ({
      ...{ name, host: address },
      role: name === 'pi-01' ? 'manager' : 'worker',
    })),
  });
});

/** On the machines of this process. */
function surroundings(signal?: AbortSignal) {
  let exit = 0;
  const { context, stdout, stderr } = fakeContext({ home: project.folder, ...(signal && { signal }) });
  const setExit = (status: number) => {
    exit = status;
  };
  const openRemotes = async () => ({ byName: cluster.remotes, close: async () => {} });
  const parts = { openRemotes, clock: new ImpatientClock() };
  const said = () => ({ exit, stdout: stdout.text, stderr: stderr.text });
  return { context: { ...context, setExit }, parts, said };
}

async function up(flags: Partial<UpFlags> = {}, signal?: AbortSignal) {
  const { context, parts, said } = surroundings(signal);
  await runUp({ config: project.file, wait: 0, width: 8, ...flags }, context, parts);
  return said();
}

async function status(json = false) {
  const { context, parts, said } = surroundings();
  const inventory = readCluster({ config: project.file }, context);
  await printClusterStatus(inventory, { json }, context, parts);
  return said();
}

const parseLines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('bramble up', () => {
  it('tells each step, and in the end what there is now and what to do next', async () => {
    const { exit, stdout, stderr } = await up();
    expect(exit).toBe(0);
    expect(stderr).toContain('Install Docker\n');
    expect(stderr).toMatch(/pi-02: join the Swarm as a worker \(\d/);
    expect(stdout).toMatch(/^pi-03 +192\.168\.1\.23 +worker .* ready$/m);
    expect(stdout).toContain('Gateway: http://192.168.1.21:8080');
    expect(stdout).toContain('bramble ship --on pi-01');
    expect(stdout).toContain('there is only one manager');
  });

  it('keeps the passwords where it says, and prints none', async () => {
    const { stdout, stderr } = await up();
    const [, file = ''] = /password is in (\S+)/.exec(stdout) ?? [];
    const [, password = 'none'] = /password: (\S+)/.exec(readFileSync(file, 'utf8')) ?? [];
    expect(password).not.toBe('none');
    expect(stdout + stderr).not.toContain(password);
  });

  it('says of a second run that there is nothing to do', async () => {
    await up();
    expect((await up()).stdout).toContain('Nothing to do: all is as bramble.yaml wants it');
  });

  it('prints a plan by phases and nodes, and changes nothing', async () => {
    const { stdout } = await up({ dryRun: true });
    expect(stdout).toMatch(/^Install Docker\n {2}pi-01: install Docker from Debian\n/);
    expect(stdout).toContain('Nothing was changed.');
    expect(cluster.host('pi-01').isDockerRunning).toBe(false);
  });

  it('ends with the status of a node that failed, and says why, while the others are brought up', async () => {
    cluster.breakCall(4, 'fails'); // after all three were reached
    const { exit, stdout } = await up({ width: 1 });
    expect(exit).toBe(14);
    expect(stdout).toMatch(/^Failed: pi-01: .* broken by the test$/m);
    expect(stdout).toContain('bramble up goes on from here');
    expect(cluster.host('pi-03').isDockerRunning).toBe(true);
  });

  it('shows as members those who are, when the only manager failed in a step, and blames no other node', async () => {
    await up({ width: 1 });
    const deploying = cluster.calls.findIndex((call) => call.startsWith('pi-01 docker stack deploy'));
    cluster = new MemoryCluster(['pi-01', 'pi-02', 'pi-03']);
    cluster.breakCall(deploying + 1, 'fails');
    const { exit, stdout } = await up({ width: 1 });
    expect(exit).not.toBe(0);
    expect(stdout).toMatch(/^pi-01 .* failed \(stack\)$/m);
    for (const worker of ['pi-02', 'pi-03']) expect(stdout).toMatch(new RegExp(`^${worker} .* ready$`, 'm'));
    expect(stdout.match(/^Failed: /gm)).toHaveLength(1);
  });

  it('says whom it waits for, and how long', async () => {
    cluster.unplug('pi-03');
    const { stderr } = await up({ wait: 5 });
    expect(stderr).toContain('  pi-03: does not answer; waiting for it for up to 5.0 s (--wait)\n');
  });

  it('changes only the nodes of --limit, and only by the phases of --only', async () => {
    await up({ limit: ['pi-02'], only: ['docker'] });
    expect([...cluster.hosts.values()].map(({ isDockerRunning }) => isDockerRunning)).toEqual([
      false,
      true,
      false,
    ]);
    expect(cluster.host('pi-02').node).toBeUndefined();
  });

  it('knows its phases and its nodes', async () => {
    await expect(up({ only: ['dokcer'] })).rejects.toThrow(/no phase dokcer; there are validate, docker,/);
    await expect(up({ limit: ['pi-09'] })).rejects.toThrow(/pi-09 is no node/);
  });

  it('tells programs each step as an object in a line, and the whole at the end', async () => {
    const { stdout, stderr } = await up({ json: true });
    const events = parseLines(stdout);
    expect(stderr).toBe('');
    expect(events).toContainEqual(
      expect.objectContaining({
        event: 'step-ended',
        phase: 'docker',
        node: 'pi-01',
        tookMs: expect.any(Number),
      }),
    );
    expect(events.at(-1)).toMatchObject({
      event: 'finished',
      mode: 'act',
      gateway: 'http://192.168.1.21:8080',
      nodes: [{ name: 'pi-01', state: 'ready' }, { name: 'pi-02' }, { name: 'pi-03' }],
      failures: [],
    });
  });

  it('says when it is interrupted that another run goes on from there', async () => {
    const interruption = new AbortController();
    const { context, parts, said } = surroundings(interruption.signal);
    const remotes = cluster.remotes;
    const openRemotes: typeof parts.openRemotes = async () => {
      interruption.abort(new Error('Ctrl-C'));
      return { byName: remotes, close: async () => {} };
    };
    const flags = { config: project.file, wait: 0, width: 8 };
    await expect(runUp(flags, context, { ...parts, openRemotes })).rejects.toThrow('Ctrl-C');
    expect(said().stderr).toContain('bramble up goes on from here');
    expect((await up()).exit).toBe(0);
  });
});

describe('two runs of bramble up', () => {
  const lockFile = () => join(project.folder, '.bramble', 'up.lock');
  const lockFor = (pid: number) => {
    mkdirSync(join(project.folder, '.bramble'));
    writeFileSync(lockFile(), JSON.stringify({ pid, host: hostname() }));
  };

  it('of one project do not go on at once', async () => {
    lockFor(process.pid);
    const err = toBrambleError(await up().catch((thrown: unknown) => thrown));
    expect(err).toMatchObject({ code: 'CONFLICT', message: expect.stringContaining(lockFile()) });
    expect(existsSync(lockFile())).toBe(true);
  });

  it('may plan at the same time', async () => {
    lockFor(process.pid);
    expect((await up({ dryRun: true })).exit).toBe(0);
  });

  it('may follow on one that was killed', async () => {
    lockFor(2 ** 22 + 1); // above the largest that Linux gives (proc(5), pid_max)
    expect((await up()).exit).toBe(0);
    expect(existsSync(lockFile())).toBe(false);
  });
});

describe('bramble status of a cluster', () => {
  it('shows every node, and what runs', async () => {
    await up();
    const { exit, stdout } = await status();
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^pi-02 +192\.168\.1\.22 +worker +ready .* now$/m);
    expect(stdout).toContain('bramble_agent 1/1');
  });

  it('shows who does not answer, with when it last did, and ends with that', async () => {
    await up();
    cluster.unplug('pi-03');
    const { exit, stdout } = await status();
    expect(exit).toBe(8);
    expect(stdout).toMatch(/^pi-03 +192\.168\.1\.23 +worker +unreachable .* ago$/m);
    expect(stdout).toContain('Not reached: pi-03');
    expect(JSON.parse((await status(true)).stdout).nodes[2]).toMatchObject({
      state: 'unreachable',
      error: { code: 'UNREACHABLE' },
      lastSeen: expect.stringMatching(/^\d{4}-/),
    });
  });

  it('says when it cannot change any more, and still shows the nodes', async () => {
    await up();
    cluster.host('pi-01').hasQuorum = false;
    const { exit, stdout } = await status();
    expect(exit).toBe(8);
    expect(stdout).toContain('too few of its managers run');
    expect(stdout).toMatch(/^pi-02 /m);
  });

  it('is what a folder with a cluster gets; elsewhere it is the agent', async () => {
    const { stderr } = await runInProcess(['status', '--config', join(project.folder, 'none.yaml')], {
      env: { BRAMBLE_GATEWAY: 'http://127.0.0.1:1' },
    });
    expect(stderr).toContain('127.0.0.1:1');
  });
});

describe('bramble logs', () => {
  it('wants either a function or a node', async () => {
    const outcomes = [await runInProcess(['logs']), await runInProcess(['logs', 'echo', '--node', 'pi-01'])];
    for (const { exit, stderr } of outcomes)
      expect({ exit, stderr }).toEqual({ exit: 2, stderr: expect.stringContaining('--node') });
  });
});

describe('bramble trust', () => {
  it('wants a fingerprint where there is nobody to ask', async () => {
    const { exit, stderr } = await runInProcess(['trust', '--config', project.file], {
      home: project.folder,
    });
    expect({ exit, stderr }).toEqual({
      exit: 2,
      stderr: expect.stringContaining('--fingerprint pi-01=SHA256:'),
    });
  });

  it('takes fingerprints as ssh-keygen prints them, and nothing else', async () => {
    const { exit, stderr } = await runInProcess(['trust', '--fingerprint', 'pi-01=MD5:00:11']);
    expect({ exit, stderr }).toEqual({ exit: 2, stderr: expect.stringContaining('SHA256:') });
  });
});
