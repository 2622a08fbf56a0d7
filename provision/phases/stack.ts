import { BrambleError } from '../../src/support/errors.ts';
import type { WantedImages } from '../agent-image/image-source.ts';
import { deployStack, fingerprintOf, namesIn, type Passwords, removeUnused } from '../deploy-stack.ts';
import { putBack } from '../put-back.ts';
import { dockerOf } from '../remote/docker.remote.ts';
import { renderHealth, untilHealthy } from '../stack-health.ts';
import type { Cluster, Phase, Step, StepContext } from '../up/phase.ts';
import { hasPlace, referenceOf } from './image.ts';
import { addressOf, askableManager, firstManager, reached } from './roles.ts';

export const stackName = 'bramble';
export const gatewayPort = 8080;
const brokerPort = 1883;
const dockerSocket = '/var/run/docker.sock';
/** Every node pulls, over Wi-Fi and to a card; then one agent after the other gets healthy. */
const longestMs = 900_000;

export interface StackWish {
  readonly images: WantedImages;
  /** Text of the agents' bramble.yaml. */
  readonly agentConfig: string | undefined;
  readonly internalTopics: readonly string[];
  /** Called before the Swarm has new passwords; what it rejects with ends the phase. */
  readonly keepPasswords: (passwords: Passwords, place: ClusterPlace) => Promise<void>;
}

export interface ClusterPlace {
  /** `http://192.168.1.21:8080`. */
  readonly gateway: string;
  readonly clusterId: string;
}

/** Bramble runs on every node, as it is wanted, and is well. */
export function stack(wish: StackWish): Phase {
  return {
    name: 'stack',
    title: 'Deploy Bramble',
    plan: (cluster) => planStack(wish, cluster),
  };
}

/** What the stack on this cluster shall have; `undefined` while its images have no place. */
export function wantedFingerprint(wish: StackWish, cluster: Cluster): string | undefined {
  const { agent, broker } = wish.images;
  if (!hasPlace(agent, cluster) || !hasPlace(broker, cluster)) return undefined;
  return fingerprintOf(optionsFor(wish, cluster));
}

function planStack(wish: StackWish, cluster: Cluster): readonly Step[] {
  const wanted = wantedFingerprint(wish, cluster);
  const manager = askableManager(cluster) ?? beginner(cluster);
  if (wanted === undefined || manager === undefined) return [];
  const services = cluster.swarm?.services ?? [];
  if (services.length === 0 || services.some(({ fingerprint }) => fingerprint !== wanted))
    return [deploy(manager, wish, cluster)];
  const ill = services.filter(({ running, wanted: all }) => running < all || all === 0);
  return ill.length === 0
    ? []
    : [
        awaitHealth(
          manager,
          ill.map(({ name }) => name),
        ),
      ];
}

/** Who will be a manager when the phases before this one are done. */
function beginner(cluster: Cluster): string | undefined {
  const { name } = firstManager(cluster.wanted);
  return cluster.swarm === undefined && cluster.facts.has(name) ? name : undefined;
}

function deploy(manager: string, wish: StackWish, cluster: Cluster): Step {
  const { length } = reached(cluster);
  return {
    node: manager,
    title: `deploy Bramble on ${length === 1 ? 'this node' : `all ${length} nodes`} and wait until it is healthy`,
    async act(context) {
      const docker = dockerOf(context.remote, context.signal);
      const { swarm } = cluster;
      if (swarm === undefined)
        throw new BrambleError('CONTROL_OFFLINE', 'there is no Swarm to deploy Bramble on');
      const deployed = await deployStack(docker, {
        ...optionsFor(wish, cluster),
        renewPasswords: false,
        keepPasswords: (passwords) =>
          wish.keepPasswords(passwords, { gateway: gatewayOf(cluster), clusterId: swarm.clusterId }),
        onStep: context.say,
      });
      await untilWell(context).catch(async (err: unknown) => {
        throw await withOthersPutBack(err, fingerprintOf(optionsFor(wish, cluster)), context);
      });
      await removeUnused(docker, stackName, namesIn(deployed));
    },
  };
}

/** Docker has rolled back the one that failed; half of an update is none. */
async function withOthersPutBack(
  err: unknown,
  fingerprint: string,
  { remote, clock, signal }: StepContext,
): Promise<unknown> {
  if (!(err instanceof BrambleError) || err.code !== 'FUNCTION_UNREADY') return err;
  const others = await putBack(dockerOf(remote, signal), { stackName, fingerprint, clock, signal });
  if (others.length === 0) return err;
  const message = `${err.message}; ${others.join(' and ')} went back to the version before as well`;
  return new BrambleError(err.code, message, { cause: err });
}

/** Where people and programs reach the cluster: the first manager that is there. */
export function gatewayOf(cluster: Cluster): string {
  const manager = reached(cluster).find(({ role }) => role === 'manager') ?? firstManager(cluster.wanted);
  return `http://${addressOf(manager, cluster)}:${gatewayPort}`;
}

function awaitHealth(manager: string, names: readonly string[]): Step {
  return { node: manager, title: `wait until ${names.join(', ')} runs everywhere`, act: untilWell };
}

async function untilWell({ remote, clock, say, signal }: StepContext): Promise<void> {
  await untilHealthy(dockerOf(remote, signal), stackName, {
    clock,
    timeoutMs: longestMs,
    signal,
    onChange: (services) => say(renderHealth(services)),
  });
}

function optionsFor({ images, agentConfig, internalTopics }: StackWish, cluster: Cluster) {
  return {
    name: stackName,
    image: referenceOf(images.agent, cluster),
    brokerImage: referenceOf(images.broker, cluster),
    ...{ gatewayPort, brokerPort, dockerSocket, agentConfig, internalTopics },
  };
}
