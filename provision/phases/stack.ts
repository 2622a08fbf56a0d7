import { BrambleError } from '../../src/support/errors.ts';
import type { WantedImages } from '../agent-image/image-source.ts';
import { deployStack, fingerprintOf, namesIn, type Passwords, removeUnused } from '../deploy-stack.ts';
import { putBack } from '../put-back.ts';
import { dockerOf } from '../remote/docker.remote.ts';
import { brokerLabel } from '../stack.ts';
import { isMoving, isRolledBack, isStuck, renderHealth, untilHealthy } from '../stack-health.ts';
import type { Cluster, Phase, StackService, Step, StepContext } from '../up/phase.ts';
import { awaitMissing } from './await-missing.ts';
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
  /** Called by the step that has seen it well, as it is wanted. */
  readonly onDeployed?: (() => Promise<void>) | undefined;
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
    isDecisive: true,
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
  const isOther = services.length === 0 || services.some(({ fingerprint }) => fingerprint !== wanted);
  // Docker goes on with what stands still when it is deployed once more.
  if (isOther || services.some(isStuck)) return [deploy(manager, wish, cluster)];
  const ill = services.filter((service) => isIll(service) && canHeal(service, cluster));
  return ill.length > 0
    ? [awaitHealth(manager, ill, { services, fingerprint: wanted, onDeployed: wish.onDeployed })]
    : [];
}

/** Is what is wanted what Docker runs, and not on its way only? */
export function isDeployed(wish: StackWish, cluster: Cluster): boolean {
  const wanted = wantedFingerprint(wish, cluster);
  const services = cluster.swarm?.services ?? [];
  const isThere = (one: StackService) => one.fingerprint === wanted && !isMoving(one) && !isStuck(one);
  return services.length > 0 && services.every(isThere);
}

function isIll(service: StackService): boolean {
  return service.running < service.wanted || service.wanted === 0 || isMoving(service);
}

/** The broker has nowhere to run while its node is away, and it is not the managers that are to blame. */
function canHeal({ name }: StackService, { swarm }: Cluster): boolean {
  const hasBrokerNode = swarm?.nodes.some((one) => one.isReady && one.labels[brokerLabel] === 'true');
  return name !== `${stackName}_mosquitto` || hasBrokerNode === true;
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
      await awaitMissing(docker, cluster, context);
      const deployed = await deployStack(docker, {
        ...optionsFor(wish, cluster),
        renewPasswords: false,
        keepPasswords: (passwords) =>
          wish.keepPasswords(passwords, { gateway: gatewayOf(cluster), clusterId: swarm.clusterId }),
        onStep: context.say,
      });
      await orPutBack(untilWell(context), fingerprintOf(optionsFor(wish, cluster)), context);
      await wish.onDeployed?.();
      await removeUnused(docker, stackName, namesIn(deployed));
    },
  };
}

/** Where an update of one fails, Docker has rolled that back; half of an update is none. */
async function orPutBack(
  update: Promise<void>,
  fingerprint: string,
  { remote, clock, signal }: StepContext,
): Promise<void> {
  try {
    await update;
  } catch (err) {
    if (!(err instanceof BrambleError) || err.code !== 'FUNCTION_UNREADY') throw err;
    const others = await putBack(dockerOf(remote, signal), { stackName, fingerprint, clock, signal });
    if (others.length === 0) throw err;
    const message = `${err.message}; ${others.join(' and ')} went back to the version before as well`;
    throw new BrambleError(err.code, message, { cause: err });
  }
}

/** Where people and programs reach the cluster: the first manager that is there. */
export function gatewayOf(cluster: Cluster): string {
  const manager = reached(cluster).find(({ role }) => role === 'manager') ?? firstManager(cluster.wanted);
  return `http://${addressOf(manager, cluster)}:${gatewayPort}`;
}

interface Awaiting extends Pick<StackWish, 'onDeployed'> {
  readonly services: readonly StackService[];
  /** That they shall have. */
  readonly fingerprint: string;
}

function awaitHealth(
  manager: string,
  ill: readonly StackService[],
  { services, fingerprint, onDeployed }: Awaiting,
): Step {
  const rolledBack = services.filter(isRolledBack).map(({ name }) => name.slice(stackName.length + 1));
  return {
    node: manager,
    title: `wait until ${ill.map(({ name }) => name).join(', ')} runs everywhere`,
    async act(context) {
      const waiting = untilWell(context, rolledBack);
      // An earlier run may have begun an update. Without one, no version is to blame.
      await (services.some(isMoving) ? orPutBack(waiting, fingerprint, context) : waiting);
      await onDeployed?.();
    },
  };
}

async function untilWell(
  { remote, clock, say, signal }: StepContext,
  rolledBack: readonly string[] = [],
): Promise<void> {
  await untilHealthy(dockerOf(remote, signal), stackName, {
    ...{ clock, signal, rolledBack },
    timeoutMs: longestMs,
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
