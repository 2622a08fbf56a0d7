import type { InventoryNode } from '../inventory.ts';
import { dockerOf } from '../remote/docker.remote.ts';
import type { Cluster, Phase, Step } from '../up/phase.ts';
import { demote } from './demote.ts';
import { earlierSelves, untilMissed } from './earlier-selves.ts';
import { join, promote, requireManager } from './join-swarm.ts';
import { askableManager, isMember, reached, swarmNodeOf } from './roles.ts';

/** One manager after the other: two at once may leave one outside of the quorum. */
const group = 'managers';

/** Who shall be a manager is one; who shall not is none any more. */
export const managers: Phase = {
  name: 'managers',
  title: 'Make the managers',
  plan: (cluster) => {
    const wanted = reached(cluster);
    const joining = wanted.filter((node) => node.role === 'manager' && !isMember(node, cluster));
    const inSwarm = (node: InventoryNode) =>
      isMember(node, cluster) ? swarmNodeOf(node.name, cluster) : undefined;
    const rising = wanted.filter((node) => node.role === 'manager' && inSwarm(node)?.role === 'worker');
    const falling = wanted.filter((node) => node.role === 'worker' && inSwarm(node)?.role === 'manager');
    // A dead manager counts until it is struck off: with it the next one to join could leave too few to decide. Down to fewer
    // living ones only when the new ones are there.
    return [
      ...wanted.flatMap((node) => retireEarlierSelves(node, cluster)),
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

function rise(node: InventoryNode, cluster: Cluster): Step {
  return {
    node: node.name,
    group,
    title: 'become a manager',
    act: (context) => promote(node, cluster, context),
  };
}

function fall(node: InventoryNode, cluster: Cluster): Step {
  return {
    node: node.name,
    group,
    title: 'be a worker from now on',
    async act(context) {
      const docker = dockerOf(context.remoteOf(stayingManager(cluster)), context.signal);
      const { id = node.name } = swarmNodeOf(node.name, cluster) ?? {};
      await demote(docker, { id, hostName: node.name }, context);
    },
  };
}

/** Those who shall be managers are, by now; who is one only still may have stepped down a moment ago. */
function stayingManager(cluster: Cluster): string {
  const staying = reached(cluster).filter(({ role }) => role === 'manager');
  const asked = askableManager(cluster);
  return (staying.find(({ name }) => name === asked) ?? staying[0])?.name ?? requireManager(cluster);
}

function retireEarlierSelves(node: InventoryNode, cluster: Cluster): readonly Step[] {
  const managing = earlierSelves(node, cluster).filter(({ role }) => role === 'manager');
  return managing.map((self) => ({
    node: node.name,
    group,
    title: 'count no more on the manager that it was before',
    async act(context) {
      const docker = dockerOf(context.remoteOf(requireManager(cluster)), context.signal);
      await untilMissed(docker, self, context);
      await demote(docker, self, context);
    },
  }));
}
