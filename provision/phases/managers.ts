import type { InventoryNode } from '../inventory.ts';
import { dockerOf } from '../remote/docker.remote.ts';
import type { Cluster, Phase, Step, SwarmNode } from '../up/phase.ts';
import { join, promote, requireManager } from './join-swarm.ts';
import { isMember, reached } from './roles.ts';

/** One manager after the other: two at once may leave one outside of the quorum. */
const group = 'managers';

/** Who shall be a manager is one; who shall not is none any more. */
export const managers: Phase = {
  name: 'managers',
  title: 'Make the managers',
  plan: (cluster) => {
    const wanted = reached(cluster);
    const joining = wanted.filter((node) => node.role === 'manager' && !isMember(node, cluster));
    const inSwarm = (node: InventoryNode) => (isMember(node, cluster) ? findNode(node, cluster) : undefined);
    const rising = wanted.filter((node) => node.role === 'manager' && inSwarm(node)?.role === 'worker');
    const falling = wanted.filter((node) => node.role === 'worker' && inSwarm(node)?.role === 'manager');
    // Down to fewer managers only when the new ones are there.
    return [
      ...joining
        .filter(({ name }) => name !== beginner(cluster))
        .map((node) => ({ ...join(node, cluster), group })),
      ...rising.map((node) => rise(node, cluster)),
      ...falling.map((node) => fall(node, cluster)),
    ];
  },
};

/** Where there is no Swarm yet, it is begun by the first, who need not join. */
function beginner({ wanted, swarm }: Cluster): string | undefined {
  return swarm === undefined ? wanted.nodes.find(({ role }) => role === 'manager')?.name : undefined;
}

function findNode({ name }: InventoryNode, { facts, swarm }: Cluster): SwarmNode | undefined {
  const id = facts.get(name)?.docker?.swarm.nodeId;
  return swarm?.nodes.find((node) => node.id === id);
}

function rise(node: InventoryNode, cluster: Cluster): Step {
  return {
    node: node.name,
    group,
    title: 'become a manager',
    act: (context) => promote(node, cluster, context),
  };
}

function fall({ name }: InventoryNode, cluster: Cluster): Step {
  return {
    node: name,
    group,
    title: 'be a worker from now on',
    async act({ remoteOf, signal }) {
      const manager = requireManager(cluster);
      await dockerOf(remoteOf(manager), signal).run(['node', 'demote', name]);
    },
  };
}
