import { describe, expect, it } from 'vitest';
import { pull } from '../../../../provision/phases/pull.ts';
import { verifiedLabel } from '../../../../provision/phases/unverified.ts';
import { verify } from '../../../../provision/phases/verify.ts';
import type { Cluster } from '../../../../provision/up/phase.ts';
import { bareCluster, healthyCluster, wish, withFacts, withSwarm } from '../../../support/cluster-facts.ts';

/** What is pulled is then looked at. */
function nodesOf(cluster: Cluster): string[] {
  const nodes = verify(wish)
    .plan(cluster)
    .map(({ node }) => node);
  expect(
    pull(wish)
      .plan(cluster)
      .map(({ node }) => node),
  ).toEqual(nodes);
  return nodes;
}

function withLabel(cluster: Cluster, node: string, value: string): Cluster {
  const nodes = cluster.swarm?.nodes.map((one) =>
    one.hostName === node ? { ...one, labels: { [verifiedLabel]: value } } : one,
  );
  return withSwarm(cluster, { nodes: nodes ?? [] });
}

describe('having a node pull, and seeing that it works', () => {
  it('is planned for every node of a cluster that is still to be made', () => {
    expect(nodesOf(bareCluster())).toEqual(['pi-01', 'pi-02', 'pi-03']);
  });

  it('is done again where a node was seen with another stack only', () => {
    expect(nodesOf(withLabel(healthyCluster(), 'pi-02', 'older'))).toEqual(['pi-02']);
  });

  it('is done for a node that was made anew, which is another to the Swarm', () => {
    const healthy = healthyCluster();
    const docker = healthy.facts.get('pi-03')?.docker;
    if (docker === undefined || healthy.swarm === undefined) throw new Error('it is not healthy');
    const [first] = healthy.swarm.nodes;
    if (first === undefined) throw new Error('it has no nodes');
    const nodes = [...healthy.swarm.nodes, { ...first, id: 'new', hostName: 'pi-03', labels: {} }];
    const rejoined = withFacts(withSwarm(healthy, { nodes }), 'pi-03', {
      docker: { ...docker, swarm: { ...docker.swarm, nodeId: 'new' } },
    });
    expect(nodesOf(rejoined)).toEqual(['pi-03']);
  });

  it('is left for later where no manager can be asked', () => {
    const healthy = withLabel(healthyCluster(), 'pi-02', 'older');
    const reference = { kind: 'reference', reference: 'mine/bramble:1' } as const;
    const elsewhere = { ...wish, images: { agent: reference, broker: reference } };
    expect(verify(elsewhere).plan(withFacts(healthy, 'pi-01', undefined))).toEqual([]);
  });

  it('leaves out who is no member of the Swarm', () => {
    const healthy = withLabel(healthyCluster(), 'pi-02', 'older');
    expect(nodesOf(withFacts(healthy, 'pi-02', { docker: undefined }))).toEqual([]);
  });
});
