import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type UpgradeFlags, upgrade } from '../../../../src/cli/life/upgrade.ts';
import { runUp } from '../../../../src/cli/up/run-up.ts';
import { makeProject, type Project } from '../../../support/bramble-yaml.ts';
import { fakeContext } from '../../../support/cli-context.ts';
import { ImpatientClock } from '../../../support/impatient-clock.ts';
import { MemoryCluster } from '../../../support/memory-cluster/memory-cluster.ts';

const [first, second] = ['registry.example/bramble:1', 'registry.example/bramble:2'];

let cluster: MemoryCluster;
let project: Project;
beforeEach(begin);

async function begin() {
  cluster = new MemoryCluster(['pi-01', 'pi-02', 'pi-03']);
  project = makeProject({
    agent: { image: first },
    nodes: [...cluster.hosts.values()].map(({ name, address }) => ({
      ...{ name, host: address },
      role: name === 'pi-01' ? 'manager' : 'worker',
    })),
  });
  await up();
}

function surroundings() {
  let exit = 0;
  const interruption = new AbortController();
  const { context, stdout, stderr } = fakeContext({ home: project.folder, signal: interruption.signal });
  const setExit = (status: number) => {
    exit = status;
  };
  const openRemotes = async () => ({ byName: cluster.remotes, close: async () => {} });
  return {
    context: { ...context, setExit, atEnd: () => {} },
    parts: { openRemotes, clock: new ImpatientClock() },
    interrupt: () => interruption.abort(new Error('Ctrl-C')),
    said: () => ({ exit, stdout: stdout.text, stderr: stderr.text }),
  };
}

async function up() {
  const { context, parts, said } = surroundings();
  await runUp({ config: project.file, wait: 0, width: 8 }, context, parts);
  return said();
}

async function upgradeTo(image: string, flags: Partial<UpgradeFlags> = {}) {
  const { context, parts, said } = surroundings();
  await upgrade({ config: project.file, wait: 0, image, ...flags }, context, parts);
  return said();
}

const named = () => parse(readFileSync(project.file, 'utf8')).cluster.agent.image;
const nothingToDo = expect.stringContaining('Nothing to do');

describe('bramble upgrade', () => {
  it('has the file name what the cluster runs, so that bringing up has nothing to do', async () => {
    expect(await upgradeTo(second)).toMatchObject({ exit: 0 });
    expect(named()).toBe(second);
    expect(await up()).toMatchObject({ exit: 0, stdout: nothingToDo });
    expect(await upgradeTo(second)).toMatchObject({ exit: 0, stdout: nothingToDo });
  });

  it('leaves the file as it was with --dry-run', async () => {
    await upgradeTo(second, { dryRun: true });
    expect(named()).toBe(first);
  });

  it('leaves the file and the cluster as they were when the agents do not get healthy', async () => {
    cluster.host('pi-01').swarm?.brokenImages.add(second);
    const { exit, stdout, stderr } = await upgradeTo(second);
    expect(exit).toBe(7);
    expect(stdout).toMatch(/Failed: pi-01: the stack bramble was rolled back/);
    expect(stderr).toContain('the cluster runs what it ran before');
    expect(named()).toBe(first);
    expect(await up()).toMatchObject({ exit: 0, stdout: nothingToDo });
  });

  it('does not begin where a node cannot have the image', async () => {
    await breakInUpgrade(`pi-03 sh -s ${second}`);
    const { exit, stdout } = await upgradeTo(second);
    expect(exit).not.toBe(0);
    expect(stdout).toMatch(/^pi-03 .* failed \(pull\)$/m);
    expect(stdout).not.toMatch(/failed \(stack\)/);
    expect(cluster.calls.filter((call) => call.includes('stack deploy'))).toHaveLength(1);
    expect(named()).toBe(first);
  });

  it('goes on without a node that is off, and the file names what the others run', async () => {
    cluster.unplug('pi-03');
    const { exit, stdout, stderr } = await upgradeTo(second);
    expect(exit).toBe(8);
    expect(stdout).toMatch(/^Failed: pi-03: /m);
    expect(stderr).toContain(
      `the cluster runs ${second} all the same; bramble upgrade --image ${first} leads back`,
    );
    expect(named()).toBe(second);
  });

  it('has the file name what runs when a node was not seen to work with it', async () => {
    await breakInUpgrade('pi-02 docker exec');
    const { exit, stdout } = await upgradeTo(second);
    expect(exit).not.toBe(0);
    expect(stdout).toMatch(/^pi-02 .* failed \(verify\)$/m);
    expect(named()).toBe(second);
  });

  it('has the file name what runs when it is interrupted in the middle', async () => {
    const { context, parts, interrupt } = surroundings();
    const openRemotes = async () => {
      const { byName, close } = await parts.openRemotes();
      const manager = byName.get('pi-01');
      const run = manager?.run.bind(manager);
      if (manager && run)
        manager.run = (command, options) => {
          if (command.includes('deploy')) interrupt();
          return run(command, options);
        };
      return { byName, close };
    };
    const flags = { config: project.file, wait: 0, image: second };
    await expect(upgrade(flags, context, { ...parts, openRemotes })).rejects.toThrow('Ctrl-C');
    expect(named()).toBe(second);
  });
});

/** The first call of the next upgrade that begins so will fail. */
async function breakInUpgrade(beginning: string) {
  const before = cluster.calls.length;
  await upgradeTo(second);
  const number = cluster.calls.slice(before).findIndex((call) => call.startsWith(beginning));
  await begin();
  cluster.breakCall(number + 1, 'fails');
}
