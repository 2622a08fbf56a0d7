import type { Config } from '../../src/config/schema.ts';
import { BrambleError } from '../../src/support/errors.ts';
import type { InventoryNode } from '../inventory.ts';
import { dockerOf } from '../remote/docker.remote.ts';
import type { Cluster, Phase, Step } from '../up/phase.ts';
import { openAgentDoor } from '../verify/agent-door.ts';
import { callFunction, seeSignsOfLife } from '../verify/check-node.ts';
import type { NodeTopics } from '../verify/signs-of-life.ts';
import { referenceOf } from './image.ts';
import { requireManager } from './join-swarm.ts';
import { addressOf, swarmNodeOf } from './roles.ts';
import { gatewayPort, isDeployed, type StackWish, stackName, wantedFingerprint } from './stack.ts';
import { members, unverified, verifiedLabel } from './unverified.ts';

export interface VerifyWish extends StackWish {
  /** What the agents make of their bramble.yaml. */
  readonly config: Config;
  readonly topics: NodeTopics;
}

/** Every node was seen to work with the stack that is on it: it is online, shows and senses, and functions answer on it. */
export function verify(wish: VerifyWish): Phase {
  return {
    name: 'verify',
    title: 'See that all works',
    plan: (cluster) => unverified(wish, cluster).map((node) => check(node, wish, cluster)),
  };
}

function check(node: InventoryNode, wish: VerifyWish, cluster: Cluster): Step {
  const { name } = node;
  return {
    node: name,
    title: 'see it online, its sensors and lights at work, and a function answer',
    async act({ remote, remoteOf, clock, say, signal }) {
      // It is not where the manager that deploys was left out: then the label would lie.
      if (!isDeployed(wish, cluster))
        return say('not looked at, as what runs in the Swarm is not what the file wants');
      const manager = dockerOf(remoteOf(requireManager(cluster)), signal);
      const { id = name } = swarmNodeOf(name, cluster) ?? {};
      await requireReady({ name, id }, (args) => manager.run(args));
      const door = await openAgentDoor(remote, {
        service: `${stackName}_agent`,
        user: wish.config.gateway.user,
        clock,
        signal,
      });
      const options = {
        ...{ node, clock, signal, config: wish.config, topics: wish.topics },
        image: referenceOf(wish.images.agent, cluster),
        functionName: `bramble-check-${cluster.wanted.nodes.indexOf(node) + 1}`,
        gateways: gatewaysFor(node, cluster),
      };
      await seeSignsOfLife(door, options);
      say('it is online and says what it should');
      await callFunction(door, options);
      say(`a function on it answers at ${options.gateways.join(' and ')}`);
      await manager.run([
        'node',
        'update',
        '--label-add',
        `${verifiedLabel}=${wantedFingerprint(wish, cluster)}`,
        id,
      ]);
    },
  };
}

async function requireReady(
  { name, id }: { readonly name: string; readonly id: string },
  ask: (args: readonly string[]) => Promise<string>,
): Promise<void> {
  const state = await ask(['node', 'inspect', '--format', '{{.Status.State}}', id]);
  if (state !== 'ready')
    throw new BrambleError('UNREACHABLE', `${name} is ${state} in the Swarm; is Docker running on it?`);
}

/** Its own, and its neighbour's: so each is asked for a function of its own and for one of another node. */
function gatewaysFor(node: InventoryNode, cluster: Cluster): readonly string[] {
  const all = members(cluster);
  const neighbour = all[(all.indexOf(node) + 1) % all.length] ?? node;
  return [...new Set([node, neighbour])].map((one) => `http://${addressOf(one, cluster)}:${gatewayPort}`);
}
