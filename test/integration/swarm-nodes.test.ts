import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SwarmRuntime } from '../../src/functions/runtime.swarm.ts';
import { type Swarm, startSwarm, whyNoDocker } from '../support/docker/docker.ts';
import { buildImages, copyImages } from '../support/docker/images.ts';
import { newSwarmRuntime, openFunctionsNetwork, probeService } from '../support/docker/swarm-runtime.ts';
import { buildRequest, never } from '../support/requests.ts';
import { until } from '../support/wait.ts';

describe.skipIf(whyNoDocker())(`functions on several nodes of a Swarm${whyNoDocker()}`, () => {
  let swarm: Swarm;
  let runtime: SwarmRuntime;

  beforeAll(async () => {
    swarm = await startSwarm({ nodes: 3, managers: 1 });
    const [manager, ...workers] = swarm.nodes;
    if (manager === undefined) throw new Error('a Swarm has a manager');
    await buildImages(manager, ['probe']);
    await copyImages(manager, workers, ['bramble-test/probe']);
    await openFunctionsNetwork(manager);
    runtime = newSwarmRuntime(manager.socketPath);
    await runtime.start();
  });
  afterAll(async () => {
    await runtime?.stop();
    await swarm?.stop();
  });

  const nodesOf = (name: string) => new Set(runtime.endpoints(name).map(({ node }) => node));

  it('are called on each node, and have one log, also with a node dead', async () => {
    await runtime.deploy(probeService('wide', { labels: { 'com.openfaas.scale.min': '3' } }));
    await until('a replica on each node', () => nodesOf('wide').size === 3);
    for (const endpoint of runtime.endpoints('wide'))
      await endpoint.invoke(buildRequest(`/log?from-${endpoint.node}`), { signal: never });
    const texts = async () => {
      const lines = [];
      for await (const { text } of runtime.logs('wide', { signal: never })) lines.push(text);
      return lines;
    };
    const all = ['from-node-1', 'from-node-2', 'from-node-3'];
    await until('all lines', async () => (await texts()).length === 3);
    expect((await texts()).sort()).toEqual(all);

    await swarm.kill(2);
    expect((await texts()).sort()).toEqual(all.slice(0, 2));
    await until(
      'its replica to run elsewhere',
      () => !nodesOf('wide').has('node-3') && runtime.endpoints('wide').length === 3,
      60_000,
    );
    for (const endpoint of runtime.endpoints('wide'))
      expect((await endpoint.invoke(buildRequest('/echo'), { signal: never })).status).toBe(200);
    expect((await runtime.describe('wide'))?.availableReplicas).toBe(3);
  }, 120_000);
});
