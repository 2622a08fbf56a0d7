import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import { Cluster, clusterStrain } from '../../../src/gauge/cluster.ts';
import { encodeNodeLoad, type NodeLoad } from '../../../src/gauge/node-load.ts';
import { smooth } from '../../../src/gauge/smooth.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { silentLog } from '../../../src/support/log.ts';
import { Metrics } from '../../../src/support/metrics.ts';
import { nodeLoad, nodeView } from '../../support/loads.ts';

async function openCluster({ bus = new MemoryBus() } = {}) {
  const clock = new ManualClock();
  await bus.start();
  const metrics = new Metrics();
  const cluster = new Cluster({ node: 'pi-01', bus, clock, log: silentLog, metrics, staleMs: 10_000 });
  await cluster.start();
  onTestFinished(() => cluster.stop());
  const say = (fields: Partial<NodeLoad>) => {
    const load = nodeLoad(fields);
    return bus.publish({ topic: `bramble/${load.node}/load`, payload: encodeNodeLoad(load), retain: true });
  };
  const status = (node: string, payload: string) =>
    bus.publish({ topic: `bramble/${node}/status`, payload, retain: true });
  return { bus, clock, cluster, metrics, say, status };
}

const states = (cluster: Cluster) => cluster.nodes().map(({ node, state }) => [node, state]);

describe('the cluster', () => {
  it('is all nodes that say their load, by name, with this one as it measured itself', async () => {
    const { cluster, say } = await openCluster();
    await say({ node: 'pi-03', cpuRatio: 0.9, throttled: true });
    await say({ node: 'pi-02' });
    cluster.hear(nodeLoad({ cpuRatio: 0.4 }));
    expect(cluster.nodes()).toEqual([
      nodeView({ node: 'pi-01', strain: 0.4 }),
      nodeView({ node: 'pi-02' }),
      nodeView({ node: 'pi-03', strain: 0.9, isThrottled: true }),
    ]);
    expect(cluster.loads().map(({ node }) => node)).toEqual(['pi-01', 'pi-02', 'pi-03']);
  });

  it('misses a node that is silent for too long, until it speaks again', async () => {
    const { cluster, clock, say } = await openCluster();
    await say({ node: 'pi-02', throttled: true });
    await clock.advance(10_000);
    expect(cluster.nodes()).toEqual([nodeView({ node: 'pi-02', state: 'missing' })]);
    await say({ node: 'pi-02' });
    expect(states(cluster)).toEqual([['pi-02', 'live']]);
  });

  it('misses a node at once whose last will was published', async () => {
    const { cluster, say, status } = await openCluster();
    await status('pi-02', 'online');
    await say({ node: 'pi-02' });
    await status('pi-02', 'offline');
    expect(states(cluster)).toEqual([['pi-02', 'missing']]);
  });

  it('does not miss a node that took its load back before it left', async () => {
    const { bus, cluster, say, status } = await openCluster();
    await say({ node: 'pi-02' });
    await bus.publish({ topic: 'bramble/pi-02/load', payload: '', retain: true });
    await status('pi-02', 'offline');
    expect(cluster.nodes()).toEqual([]);
  });

  it('takes what the broker remembers for no sign of life', async () => {
    const { bus, cluster, clock, say } = await openCluster();
    await say({ node: 'pi-02' });
    await clock.advance(10_000);
    await bus.setState('offline');
    await bus.setState('online');
    expect(states(cluster)).toEqual([['pi-02', 'missing']]);
  });

  it('knows a node from before its own start, and gives it time to speak', async () => {
    const bus = new MemoryBus();
    await bus.start();
    const payload = encodeNodeLoad(nodeLoad({ node: 'pi-02' }));
    await bus.publish({ topic: 'bramble/pi-02/load', payload, retain: true });
    const { cluster, clock } = await openCluster({ bus });
    expect(states(cluster)).toEqual([['pi-02', 'live']]);
    await clock.advance(10_000);
    expect(states(cluster)).toEqual([['pi-02', 'missing']]);
  });

  it('forgets a node that is missing for a day', async () => {
    const { cluster, clock, say } = await openCluster();
    await say({ node: 'pi-02' });
    await clock.advance(24 * 3_600_000);
    expect(cluster.nodes()).toEqual([]);
  });

  it('ignores and counts what is not a load, or is another node’s', async () => {
    const { bus, cluster, metrics } = await openCluster();
    await bus.publish({ topic: 'bramble/pi-02/load', payload: '{"cpuRatio":"high"}' });
    await bus.publish({ topic: 'bramble/pi-02/load', payload: encodeNodeLoad(nodeLoad({ node: 'pi-03' })) });
    expect(cluster.nodes()).toEqual([]);
    expect(await metrics.render()).toContain('bramble_load_messages_ignored_total 2');
  });

  it('does not grow without bound', async () => {
    const { cluster, say } = await openCluster();
    for (let i = 0; i < 300; i += 1) await say({ node: `n${i}` });
    expect(cluster.nodes()).toHaveLength(256);
  });
});

const Strain = fc.double({ min: 0, max: 1, noNaN: true });

describe('the strain of a cluster', () => {
  it('is nothing without a live node', () => {
    expect(clusterStrain([])).toBeUndefined();
    expect(clusterStrain([nodeView({ state: 'missing', strain: 1 })])).toBeUndefined();
  });

  it('is that of its nodes when they are alike', () => {
    fc.assert(
      fc.property(Strain, fc.integer({ min: 1, max: 9 }), (strain, count) => {
        const nodes = Array.from({ length: count }, () => nodeView({ strain }));
        expect(clusterStrain(nodes)).toBeCloseTo(strain);
      }),
    );
  });

  it('shows one node at its limit more than a mean would', () => {
    const nodes = [nodeView({ strain: 1 }), ...Array.from({ length: 3 }, () => nodeView({ strain: 0 }))];
    expect(clusterStrain(nodes)).toBe(0.5);
  });

  it('lies between the lowest and the highest', () => {
    fc.assert(
      fc.property(fc.array(Strain, { minLength: 1, maxLength: 9 }), (strains) => {
        const strain = clusterStrain(strains.map((one) => nodeView({ strain: one }))) ?? -1;
        expect(strain).toBeGreaterThanOrEqual(Math.min(...strains) - 1e-9);
        expect(strain).toBeLessThanOrEqual(Math.max(...strains) + 1e-9);
      }),
    );
  });
});

describe('smoothing', () => {
  it('goes a part of the way with each step', () => {
    const shown = smooth([nodeView({ strain: 0 })], [nodeView({ strain: 1 })], 0.25);
    expect(shown).toEqual([nodeView({ strain: 0.25 })]);
    expect(smooth(shown, [nodeView({ strain: 1 })], 0.25)[0]?.strain).toBeCloseTo(0.4375);
  });

  it('starts where a node is that was not there before', () => {
    expect(smooth([], [nodeView({ strain: 1 })], 0.25)).toEqual([nodeView({ strain: 1 })]);
    const back = smooth([nodeView({ state: 'missing', strain: 0 })], [nodeView({ strain: 1 })], 0.25);
    expect(back).toEqual([nodeView({ strain: 1 })]);
  });
});
