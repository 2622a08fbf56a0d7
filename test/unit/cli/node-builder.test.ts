import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { withNodeBuilder } from '../../../src/cli/cluster/node-builder.ts';
import { runUp } from '../../../src/cli/up/run-up.ts';
import type { FunctionSource } from '../../../src/functions/stack-file.ts';
import type { BuildFlags } from '../../../src/images/build-plan.ts';
import type { Builder } from '../../../src/images/builder.ts';
import { makeProject, type Project } from '../../support/bramble-yaml.ts';
import { fakeContext, runInProcess } from '../../support/cli-context.ts';
import { ImpatientClock } from '../../support/impatient-clock.ts';
import { MemoryCluster } from '../../support/memory-cluster/memory-cluster.ts';

const registry = '192.168.1.21:5000';
const flags: BuildFlags = { buildArgs: [], noCache: false, pull: false, push: true, platforms: [] };
const source: FunctionSource = {
  ...{ name: 'hello', image: `${registry}/hello:latest`, lang: 'dockerfile', handler: '.' },
  ...{ buildArgs: { TOKEN: 'not for all' }, buildOptions: [], platforms: [], copies: [] },
};

let cluster: MemoryCluster;
let project: Project;
beforeEach(() => {
  cluster = new MemoryCluster(['pi-01', 'pi-02']);
  project = makeProject({
    agent: { image: 'registry.example/bramble:1' },
    nodes: [...cluster.hosts.values()].map(({ name, address }) => ({
      ...{ name, host: address },
      role: name === 'pi-01' ? 'manager' : 'worker',
    })),
  });
});

function surroundings() {
  const { context } = fakeContext({ home: project.folder });
  const openRemotes = async () => ({ byName: cluster.remotes, close: async () => {} });
  return {
    context: { ...context, setExit: () => {} },
    parts: { openRemotes, clock: new ImpatientClock() },
  };
}

async function up() {
  const { context, parts } = surroundings();
  await runUp({ config: project.file, wait: 0, width: 8 }, context, parts);
}

function on<Result>(node: string | true, use: (builder: Builder) => Promise<Result>): Promise<Result> {
  const { context, parts } = surroundings();
  return withNodeBuilder({ on: node, config: project.file }, context, use, parts);
}

function order(given: Partial<BuildFlags> = {}) {
  const folder = join(project.folder, 'hello');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\n');
  writeFileSync(join(folder, 'secret'), 'never sent');
  writeFileSync(join(folder, '.dockerignore'), 'secret\n');
  return { template: undefined, flags: { ...flags, ...given }, folder, say: () => {} };
}

describe('images of functions on a node', () => {
  it('are called by the cluster’s registry where they name none', async () => {
    await up();
    const named = await on(true, async ({ nameOf }) =>
      ['hello:latest', 'me/hello', 'ghcr.io/me/hello:1', `${registry}/hello`].map(nameOf),
    );
    expect(named).toEqual([
      `${registry}/hello:latest`,
      `${registry}/me/hello`,
      'ghcr.io/me/hello:1',
      `${registry}/hello`,
    ]);
  });

  it('are made of what is sent there, with no value in a command, and come to the registry', async () => {
    await up();
    const before = cluster.calls.length;
    const [outcome, gateway, where] = await on('pi-02', async (builder) => {
      const became = await builder.build(source, order());
      await builder.push(source.image, () => {});
      return [became, builder.gateway, builder.where];
    });
    expect([outcome, gateway, where]).toEqual(['built', 'http://192.168.1.21:8080', ' on pi-02']);
    const sent = cluster.host('pi-02').built.get(source.image) ?? '';
    expect(sent).toMatch(/^TOKEN=not for all\n/);
    expect(sent).toContain('FROM scratch');
    expect(sent).not.toContain('never sent');
    expect(cluster.calls.slice(before).join('\n')).not.toContain('not for all');
    expect([...(cluster.host('pi-01').registry?.images ?? [])]).toContain('hello:latest');
  });

  it('are for the node’s own platform only', async () => {
    await up();
    await on(true, (builder) => builder.build(source, order({ platforms: ['linux/arm64'] })));
    const several = order({ platforms: ['linux/arm64', 'linux/arm/v7'] });
    await expect(on(true, (builder) => builder.build(source, several))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(/pi-01 makes images for linux\/arm64.*buildx build it on a laptop/),
    });
  });

  it('take build arguments of one line', async () => {
    await up();
    const odd = { ...source, buildArgs: { KEY: 'two\nlines' } };
    await expect(on(true, (builder) => builder.build(odd, order()))).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringContaining('the build argument KEY cannot be given to pi-01'),
    });
  });

  it('tell what Docker there says is wrong', async () => {
    await up();
    await expect(on(true, ({ push }) => push(`${registry}/never:1`, () => {}))).rejects.toThrow(
      /^pi-01: docker push .* does not exist locally/,
    );
  });

  it('need a cluster that is up, and say so', async () => {
    const name = ({ nameOf }: Builder) => Promise.resolve(nameOf('hello:latest'));
    const refused = (code: string, message: RegExp) =>
      expect(on('pi-02', name)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await refused('NOT_FOUND', /there is no Docker on pi-02; bramble up/);
    await up();
    cluster.host('pi-02').isDockerRunning = false;
    await refused('REMOTE_FAILED', /Docker does not run on pi-02; bramble up/);
    cluster.host('pi-02').isDockerRunning = true;
    cluster.host('pi-02').trusted.clear();
    await refused('UNAUTHORIZED', /pi-02 has no certificate for the registry .*; bramble up/);
    cluster.host('pi-01').registry = undefined;
    await refused('NOT_FOUND', /the cluster has no registry yet.*; bramble up/);
    cluster.unplug('pi-02');
    await refused('UNREACHABLE', /pi-02/);
    await expect(on('pi-07', name)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are not kept from the registry: nodes have no other place to take them from', async () => {
    const { exit, stderr } = await runInProcess(['ship', '--on', 'pi-01', '--no-push']);
    expect(exit).toBe(2);
    expect(stderr).toContain('--no-push does not go with --on');
  });
});
