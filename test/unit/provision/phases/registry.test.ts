import { describe, expect, it } from 'vitest';
import { registry, trust } from '../../../../provision/phases/registry.ts';
import type { Cluster } from '../../../../provision/up/phase.ts';
import { bareCluster, healthyCluster, withFacts } from '../../../support/cluster-facts.ts';

const address = '192.168.1.21:5000';
const nodesOf = (phase: typeof registry, cluster: Cluster) => phase.plan(cluster).map(({ node }) => node);
const servedBy = (cluster: Cluster) => cluster.facts.get('pi-01')?.registry.served;

describe('the registry', () => {
  it('is set up on the first manager', () => {
    expect(nodesOf(registry, bareCluster())).toEqual(['pi-01']);
  });

  it('is set up anew at another address, or in another way', () => {
    const healthy = healthyCluster();
    const served = servedBy(healthy);
    if (served === undefined) throw new Error('it is not served');
    for (const change of [{ address: '192.168.1.99:5000' }, { revision: 'older' }]) {
      const changed = withFacts(healthy, 'pi-01', {
        registry: { served: { ...served, ...change }, trusted: {} },
      });
      expect(nodesOf(registry, changed)).toEqual(['pi-01']);
    }
  });

  it('is nobody’s business while the first manager is away', () => {
    const cluster = withFacts(healthyCluster(), 'pi-01', undefined);
    expect(nodesOf(registry, cluster)).toEqual([]);
    expect(
      nodesOf(trust, withFacts(cluster, 'pi-02', { registry: { served: undefined, trusted: {} } })),
    ).toEqual([]);
  });
});

describe('trust in the registry', () => {
  it('is given to every node while there is no registry yet', () => {
    expect(nodesOf(trust, bareCluster())).toEqual(['pi-01', 'pi-02', 'pi-03']);
  });

  it('is given to a node that has a certificate of another authority, or for another address', () => {
    for (const trusted of [{ [address]: 'b'.repeat(64) }, { '10.0.0.1:5000': 'a'.repeat(64) }, {}]) {
      const cluster = withFacts(healthyCluster(), 'pi-02', { registry: { served: undefined, trusted } });
      expect(nodesOf(trust, cluster)).toEqual(['pi-02']);
    }
  });
});
