import { dockerOf } from '../remote/docker.remote.ts';
import { brokerLabel } from '../stack.ts';
import type { Cluster, Step } from '../up/phase.ts';
import { earlierSelves } from './earlier-selves.ts';
import { requireManager } from './join-swarm.ts';
import { askableManager, isMember, reached, swarmNodeOf } from './roles.ts';

/**
 * Where the node with the broker is gone for good another one gets it, or it would wait for the lost one for ever: the one that has
 * its name now, for the sake of devices that know the address; else a manager. Nothing while it is only away.
 */
export function inheritBroker(cluster: Cluster): readonly Step[] {
  const heir = findHeir(cluster);
  if (heir === undefined) return [];
  return [
    {
      node: heir,
      title: 'take over the broker, whose node is gone, and with it what it kept',
      async act({ remoteOf, signal }) {
        const { id = heir } = swarmNodeOf(heir, cluster) ?? {};
        const docker = dockerOf(remoteOf(requireManager(cluster)), signal);
        await docker.run(['node', 'update', '--label-add', `${brokerLabel}=true`, id]);
      },
    },
  ];
}

function findHeir(cluster: Cluster): string | undefined {
  const keepers = (cluster.swarm?.nodes ?? []).filter(({ labels }) => labels[brokerLabel] === 'true');
  const isDeployed = (cluster.swarm?.services.length ?? 0) > 0;
  if (keepers.length === 0) return isDeployed ? askableManager(cluster) : undefined;
  const heirs = keepers.map(({ id }) =>
    reached(cluster).find(
      (node) => isMember(node, cluster) && earlierSelves(node, cluster).some((self) => self.id === id),
    ),
  );
  return heirs.includes(undefined) ? undefined : heirs[0]?.name;
}
