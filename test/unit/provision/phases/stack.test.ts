import { describe, expect, it } from 'vitest';
import { stack, wantedFingerprint } from '../../../../provision/phases/stack.ts';
import type { Cluster, StackService } from '../../../../provision/up/phase.ts';
import { bareCluster, healthyCluster, wish, withFacts, withSwarm } from '../../../support/cluster-facts.ts';

const titlesOf = (cluster: Cluster, of = wish) =>
  stack(of)
    .plan(cluster)
    .map(({ node, title }) => `${node}: ${title}`);
/** All is well but for this of its agents. */
function withAgent(given: Partial<StackService>): Cluster {
  const healthy = healthyCluster();
  const services = healthy.swarm?.services.map((one) =>
    one.name === 'bramble_agent' ? { ...one, ...given } : one,
  );
  return withSwarm(healthy, { services: services ?? [] });
}
const deployed = 'pi-01: deploy Bramble on all 3 nodes and wait until it is healthy';

describe('Bramble’s stack', () => {
  it('is deployed from the first manager where there is none', () => {
    expect(titlesOf(bareCluster())).toEqual([deployed]);
    expect(titlesOf(withSwarm(healthyCluster(), { services: [] }))).toEqual([deployed]);
  });

  it('is deployed again when images, configuration or topics are others', () => {
    const healthy = healthyCluster();
    const images = { ...wish.images, broker: { kind: 'reference', reference: 'mosquitto:3' } } as const;
    for (const change of [{ images }, { agentConfig: 'gauge:\n  brightness: 1\n' }, { internalTopics: [] }])
      expect(titlesOf(healthy, { ...wish, ...change })).toEqual([deployed]);
  });

  it('is deployed again when one of its services was left behind', () => {
    expect(titlesOf(withAgent({ fingerprint: '' }))).toEqual([deployed]);
  });

  it('is waited for where it does not run everywhere yet', () => {
    expect(titlesOf(withAgent({ wanted: 2 }))).toEqual(['pi-01: wait until bramble_agent runs everywhere']);
  });

  it('is not waited for where the broker has nowhere to run while its node is away', () => {
    const healthy = healthyCluster();
    const services = healthy.swarm?.services.map((one) =>
      one.name === 'bramble_mosquitto' ? { ...one, running: 0 } : one,
    );
    const nodes = (isReady: boolean) =>
      healthy.swarm?.nodes.map((one) => (one.hostName === 'pi-01' ? { ...one, isReady } : one));
    const without = (isReady: boolean) =>
      withSwarm(healthy, { services: services ?? [], nodes: nodes(isReady) ?? [] });
    expect(titlesOf(without(true))).toEqual(['pi-01: wait until bramble_mosquitto runs everywhere']);
    expect(titlesOf(without(false))).toEqual([]);
  });

  it.each(['paused', 'rollback_paused'])(
    'is deployed again when Docker has given an update up half-way (%s), whatever runs',
    (update) => {
      expect(titlesOf(withAgent({ update }))).toEqual([deployed]);
    },
  );

  it.each(['updating', 'rollback_started'])('is waited for when Docker is at work on it (%s)', (update) => {
    expect(titlesOf(withAgent({ update }))).toEqual(['pi-01: wait until bramble_agent runs everywhere']);
  });

  it.each(['completed', 'rollback_completed'])('is left alone when an update has ended (%s)', (update) => {
    expect(titlesOf(withAgent({ update }))).toEqual([]);
  });

  it('is left as it is while the node with its images is away', () => {
    const cluster = withFacts(healthyCluster(), 'pi-01', undefined);
    expect(wantedFingerprint(wish, cluster)).toBeUndefined();
    expect(titlesOf(cluster)).toEqual([]);
  });

  it('does not depend on passwords or on which node is asked', () => {
    expect(wantedFingerprint(wish, bareCluster())).toBe(wantedFingerprint(wish, healthyCluster()));
  });
});
