import type { InventoryNode } from '../inventory.ts';
import { dockerOf } from '../remote/docker.remote.ts';
import type { Cluster, Phase, Step } from '../up/phase.ts';
import { demote } from './demote.ts';
import { earlierSelves, untilMissed } from './earlier-selves.ts';
import { inheritBroker } from './inherit-broker.ts';
import { requireManager } from './join-swarm.ts';
import { isMember, reached, swarmNodeOf } from './roles.ts';

/** Labels below it are ours: what is not there any more loses its own. */
const hardwarePrefix = 'bramble.hardware.';

/** Every node has the labels of the file, and one for each piece of hardware that it has or is said to have. */
export const labels: Phase = {
  name: 'labels',
  title: 'Label the nodes',
  plan: (cluster) => [
    ...reached(cluster).flatMap((node) => relabel(node, cluster)),
    ...inheritBroker(cluster),
    ...reached(cluster).flatMap((node) => forgetEarlierSelves(node, cluster)),
  ],
};

function relabel(node: InventoryNode, cluster: Cluster): readonly Step[] {
  const known = swarmNodeOf(node.name, cluster);
  const wanted = wantedLabels(node, cluster);
  const present = known?.labels ?? {};
  const added = Object.entries(wanted).filter(([key, value]) => present[key] !== value);
  const dropped = Object.keys(present).filter((key) => key.startsWith(hardwarePrefix) && !(key in wanted));
  if (added.length === 0 && dropped.length === 0) return [];
  const changes = [...added.map(([key, value]) => `${key}=${value}`), ...dropped.map((key) => `not ${key}`)];
  return [
    {
      node: node.name,
      title: `label it ${changes.join(', ')}`,
      async act({ remoteOf, signal }) {
        const docker = dockerOf(remoteOf(requireManager(cluster)), signal);
        await docker.run([
          ...['node', 'update'],
          ...added.flatMap(([key, value]) => ['--label-add', `${key}=${value}`]),
          ...dropped.flatMap((key) => ['--label-rm', key]),
          known?.id ?? node.name,
        ]);
      },
    },
  ];
}

function wantedLabels(node: InventoryNode, { facts }: Cluster): Record<string, string> {
  const found = facts.get(node.name)?.hardware ?? [];
  const hardware = [...new Set([...node.hardware, ...found])].map((name) => [
    `${hardwarePrefix}${name}`,
    'true',
  ]);
  return { ...node.labels, ...Object.fromEntries(hardware) };
}

/** Last of all, when what it had is passed on. */
function forgetEarlierSelves(node: InventoryNode, cluster: Cluster): readonly Step[] {
  if (!isMember(node, cluster)) return [];
  return earlierSelves(node, cluster).map((self) => ({
    node: node.name,
    title: 'forget the node that it was before',
    async act(context) {
      const docker = dockerOf(context.remoteOf(requireManager(cluster)), context.signal);
      await untilMissed(docker, self, context);
      if (self.role === 'manager') await demote(docker, self, context);
      await docker.run(['node', 'rm', '--force', self.id]);
    },
  }));
}
