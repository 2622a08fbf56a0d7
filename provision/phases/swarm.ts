import { askDocker } from '../remote/docker.remote.ts';
import type { Cluster, Phase, Step } from '../up/phase.ts';
import { addressOf, firstManager } from './roles.ts';

/** Where managers listen for others (docker swarm init); Docker lets nothing else be chosen for the gossip's port. */
const listenAddress = '0.0.0.0:2377';

/** There is a Swarm, if only of one node. */
export const swarm: Phase = {
  name: 'swarm',
  title: 'Begin the Swarm',
  plan: (cluster) => (cluster.swarm === undefined ? [begin(cluster)] : []),
};

function begin(cluster: Cluster): Step {
  const manager = firstManager(cluster.wanted);
  return {
    node: manager.name,
    title: 'begin a Swarm',
    async act({ remote, signal }) {
      // By its API: the command line would print a token.
      await askDocker(
        remote,
        {
          method: 'POST',
          path: '/swarm/init',
          body: { ListenAddr: listenAddress, AdvertiseAddr: addressOf(manager, cluster) },
        },
        signal,
      );
    },
  };
}
