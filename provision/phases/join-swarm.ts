import { BrambleError } from '../../src/support/errors.ts';
import type { InventoryNode } from '../inventory.ts';
import { poll } from '../poll.ts';
import { askDocker, dockerOf } from '../remote/docker.remote.ts';
import type { Remote } from '../remote/remote.ts';
import type { Cluster, Step, StepContext } from '../up/phase.ts';
import { addressOf, askableManager, firstManager } from './roles.ts';

const managersPort = 2377;
/** An election takes up to 20 s, and a first state over a slow card as long again. */
const longestWaitMs = 90_000;

/** A node that is no member becomes one. It leaves first what it was a member of, when all is there to join. */
export function join(node: InventoryNode, cluster: Cluster): Step {
  const { name, role } = node;
  const isElsewhere = (cluster.facts.get(name)?.docker?.swarm.state ?? 'inactive') !== 'inactive';
  return {
    node: name,
    title: `${isElsewhere ? 'leave the Swarm that it was in, and ' : ''}join the Swarm as a ${role}`,
    async act(context) {
      const { remote, remoteOf, signal } = context;
      const manager = askableManager(cluster) ?? firstManager(cluster.wanted).name;
      const managerNode =
        cluster.wanted.nodes.find((other) => other.name === manager) ?? firstManager(cluster.wanted);
      const body = {
        ListenAddr: `0.0.0.0:${managersPort}`,
        AdvertiseAddr: addressOf(node, cluster),
        RemoteAddrs: [`${addressOf(managerNode, cluster)}:${managersPort}`],
        JoinToken: await tokenFor(role, remoteOf(manager), signal),
      };
      if (isElsewhere) await leaveSwarm(remote, signal);
      await askDocker(remote, { method: 'POST', path: '/swarm/join', body }, signal);
      await untilMember(node, manager, context);
    },
  };
}

export async function leaveSwarm(remote: Remote, signal: AbortSignal): Promise<void> {
  await askDocker(remote, { method: 'POST', path: '/swarm/leave?force=true' }, signal);
}

async function tokenFor(
  role: InventoryNode['role'],
  manager: StepContext['remote'],
  signal: AbortSignal,
): Promise<string> {
  const answer = await askDocker(manager, { method: 'GET', path: '/swarm' }, signal);
  const tokens = hasTokens(answer) ? answer.JoinTokens : undefined;
  const token = role === 'manager' ? tokens?.Manager : tokens?.Worker;
  if (token === undefined)
    throw new BrambleError(
      'REMOTE_FAILED',
      `${manager.name} gives no token to join its Swarm; is it still a manager?`,
    );
  return token;
}

function hasTokens(answer: unknown): answer is { JoinTokens: { Manager?: string; Worker?: string } } {
  return typeof answer === 'object' && answer !== null && 'JoinTokens' in answer;
}

export async function promote(node: InventoryNode, cluster: Cluster, context: StepContext): Promise<void> {
  const manager = requireManager(cluster);
  const id = cluster.facts.get(node.name)?.docker?.swarm.nodeId ?? node.name;
  await dockerOf(context.remoteOf(manager), context.signal).run(['node', 'promote', id]);
  await untilMember(node, manager, context);
}

export function requireManager(cluster: Cluster): string {
  const manager = askableManager(cluster);
  if (manager === undefined)
    throw new BrambleError('CONTROL_OFFLINE', 'no manager of the Swarm can be asked; bring one back first');
  return manager;
}

/**
 * Until the managers see it ready, and, of a manager, until it answers itself: one that is on its way counts for the quorum and
 * cannot vote, so that the next to join, or a leader that goes, would stop them all. Asked for by its id: who was made anew has
 * the name of its earlier self.
 */
async function untilMember(
  { name, role }: InventoryNode,
  manager: string,
  { clock, remote, remoteOf, signal }: StepContext,
): Promise<void> {
  const docker = dockerOf(remoteOf(manager), signal);
  const id = await dockerOf(remote, signal).run(['info', '--format', '{{.Swarm.NodeID}}']);
  const format = '{{.Status.State}} {{if .ManagerStatus}}{{.ManagerStatus.Reachability}}{{end}}';
  const isMember = async () => {
    const states = await docker.run(['node', 'inspect', '--format', format, id]).catch(() => '');
    const [state, reachability] = states.split(' ');
    if (role === 'worker') return state === 'ready';
    return state === 'ready' && reachability === 'reachable' && answersItself(remote, signal);
  };
  if (!(await poll(isMember, { clock, timeoutMs: longestWaitMs, signal })))
    throw new BrambleError(
      'UNREACHABLE',
      `${name} joined, but ${manager} does not see it ready; are the ports 2377/tcp, 7946/tcp+udp and 4789/udp open between them?`,
    );
}

async function answersItself(remote: StepContext['remote'], signal: AbortSignal): Promise<boolean> {
  const { status } = await remote.run(['docker', 'node', 'ls', '--quiet'], {
    as: 'root',
    accept: [1],
    signal,
  });
  return status === 0;
}
