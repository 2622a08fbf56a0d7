import { BrambleError } from '../../src/support/errors.ts';
import { askDocker } from '../remote/docker.remote.ts';
import type { SwarmMembership } from '../up/facts.ts';
import type { Cluster, Phase, Step } from '../up/phase.ts';
import { leaveSwarm } from './join-swarm.ts';
import { addressOf, firstManager, reached } from './roles.ts';

/** Where managers listen for others (docker swarm init); Docker lets nothing else be chosen for the gossip's port. */
const listenAddress = '0.0.0.0:2377';

/** There is a Swarm, if only of one node. */
export const swarm: Phase = {
  name: 'swarm',
  title: 'Begin the Swarm',
  plan: (cluster) => (cluster.swarm === undefined ? [begin(cluster)] : []),
};

function begin(cluster: Cluster): Step {
  refuseToSplit(cluster);
  const manager = firstManager(cluster.wanted);
  const isMember = (stateOf(manager.name, cluster) ?? 'inactive') !== 'inactive';
  return {
    node: manager.name,
    title: isMember ? 'leave the Swarm that it is a worker of, and begin one' : 'begin a Swarm',
    async act({ remote, signal }) {
      if (isMember) await leaveSwarm(remote, signal);
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

/** A second Swarm beside one whose managers are only away could not be put together with it again. */
function refuseToSplit(cluster: Cluster): void {
  const { wanted, facts } = cluster;
  const beginner = firstManager(wanted).name;
  const away = wanted.nodes.filter(({ name, role }) => role === 'manager' && !facts.has(name));
  const members = reached(cluster).filter(
    ({ name }) => (stateOf(name, cluster) ?? 'inactive') !== 'inactive',
  );
  if (members[0] !== undefined && away[0] !== undefined)
    throw new BrambleError(
      'CONTROL_OFFLINE',
      `${members[0].name} is in a Swarm, and none of its managers could be asked; bring ${away.map(({ name }) => name).join(', ')} back first`,
    );
  const state = stateOf(beginner, cluster) ?? 'inactive';
  if (state !== 'inactive' && state !== 'active')
    throw new BrambleError(
      'CONTROL_OFFLINE',
      `${beginner} is in a Swarm that does not work (${state}); see bramble ssh ${beginner} -- sudo docker info`,
    );
}

function stateOf(node: string, { facts }: Cluster): SwarmMembership['state'] | undefined {
  return facts.get(node)?.docker?.swarm.state;
}
