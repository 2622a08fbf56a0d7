import { expect, it } from 'vitest';
import { inheritBroker } from '../../../../provision/phases/inherit-broker.ts';
import type { Cluster, SwarmNode } from '../../../../provision/up/phase.ts';
import {
  bareCluster,
  healthyCluster,
  inventoryOf,
  withFacts,
  withSwarm,
} from '../../../support/cluster-facts.ts';

const threeManagers = inventoryOf([{ role: 'manager' }, { role: 'manager' }, { role: 'manager' }]);
const heirsOf = (cluster: Cluster) => inheritBroker(cluster).map(({ node }) => node);

/** Each node that the Swarm knows as another. */
function change(cluster: Cluster, to: (node: SwarmNode) => readonly SwarmNode[]): Cluster {
  return withSwarm(cluster, { nodes: cluster.swarm?.nodes.flatMap(to) ?? [] });
}

it('leaves the broker where it is, also while its node is away', () => {
  expect(inheritBroker(healthyCluster(threeManagers))).toEqual([]);
  expect(inheritBroker(withFacts(healthyCluster(threeManagers), 'pi-01', undefined))).toEqual([]);
});

it('gives it to the machine that has taken the place of the lost one, when that is in the Swarm', () => {
  const lost = change(healthyCluster(threeManagers), (node) =>
    node.hostName === 'pi-01' ? [{ ...node, id: 'lost', isReady: false }] : [node],
  );
  expect(inheritBroker(lost)).toEqual([]);
  const joined = change(lost, (node) =>
    node.id === 'lost' ? [node, { ...node, id: 'id-pi-01', labels: {} }] : [node],
  );
  expect(heirsOf(joined)).toEqual(['pi-01']);
});

it('gives it to a manager where no node has it', () => {
  const forgotten = change(healthyCluster(threeManagers), (node) => [{ ...node, labels: {} }]);
  expect(heirsOf(withFacts(forgotten, 'pi-01', undefined))).toEqual(['pi-02']);
});

it('leaves the first choice to whoever deploys the broker', () => {
  const bare = change(withSwarm(healthyCluster(), { services: [] }), (node) => [{ ...node, labels: {} }]);
  expect(inheritBroker(bare)).toEqual([]);
  expect(inheritBroker(bareCluster())).toEqual([]);
});
