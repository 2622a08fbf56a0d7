import { type DockerCli, linesOf } from '../../src/support/docker-cli.ts';
import { BrambleError, messageOf, toBrambleError } from '../../src/support/errors.ts';
import { demote } from '../phases/demote.ts';
import { leaveSwarm } from '../phases/join-swarm.ts';
import { poll } from '../poll.ts';
import type { Remote } from '../remote/remote.ts';
import { brokerLabel } from '../stack.ts';
import type { SwarmNode } from '../up/phase.ts';
import { checkQuorum } from './check-quorum.ts';
import { type AskedManager, findManager, type Life, listNodes } from './life.ts';

export interface DownOptions {
  /** Host name of the node, in the file or not. */
  readonly name: string;
  /** How it is reached itself; `undefined` when nobody knows. */
  readonly remote: Remote | undefined;
  /** Goes on when it cannot be reached, holds the broker's data, or its tasks find no other place. */
  readonly force: boolean;
  /** For its tasks to be elsewhere. */
  readonly timeoutMs: number;
}

/** What was done: it left, it was only struck off, or it was no member before. */
export type DownOutcome = 'left' | 'struck off' | 'not there';

/**
 * Takes a node out of the Swarm: its tasks go elsewhere first, a manager becomes a worker, it leaves and is forgotten. May be run
 * again after an interruption, and for a node that is out already. Rejects CONFLICT when the Swarm could not live without it.
 */
export async function takeDown(life: Life, options: DownOptions): Promise<DownOutcome> {
  const { name, remote } = options;
  const manager = await findManager(life, { except: name }).catch((err: unknown) => {
    throw needsAnother(name, err);
  });
  const nodes = await listNodes(manager.docker);
  const own = nodes.filter(({ hostName }) => hostName === name);
  const here = own.find(({ isReady }) => isReady);
  for (const node of own) checkQuorum(node, nodes);
  if (here !== undefined && !options.force) refuseBroker(here);
  const reason = remote === undefined ? 'it is not in the file' : await whyAway(remote, life.signal);
  if (own.length === 0 && reason !== undefined) return 'not there';
  if (here !== undefined && reason !== undefined && !options.force) throw cannotLeave(name, reason);

  if (here !== undefined) await drain(here, manager, life, options);
  for (const node of own) if (node.role === 'manager') await stepDown(node, manager, life);
  const hasLeft = remote !== undefined && reason === undefined && (await leave(remote, life));
  for (const { id } of own) await manager.docker.run(['node', 'rm', '--force', id]);
  if (own.length === 0) return hasLeft ? 'left' : 'not there';
  return hasLeft ? 'left' : 'struck off';
}

function needsAnother(name: string, err: unknown): BrambleError {
  const { code, message } = toBrambleError(err);
  return new BrambleError(
    code,
    `${name} can be taken down only by another manager: ${message}. Make another node a manager first (role: manager, bramble up), or give up the whole cluster with bramble reset`,
    { cause: err },
  );
}

function refuseBroker({ hostName, labels }: SwarmNode): void {
  if (labels[brokerLabel] !== 'true') return;
  throw new BrambleError(
    'CONFLICT',
    `${hostName} keeps the broker's data, which are lost with it: take them along with bramble backup, or use --force; bramble up then begins a new broker on another node`,
  );
}

async function whyAway(remote: Remote, signal: AbortSignal): Promise<string | undefined> {
  try {
    await remote.connect({ signal });
    return undefined;
  } catch (err) {
    signal.throwIfAborted();
    return messageOf(err);
  }
}

function cannotLeave(name: string, reason: string): BrambleError {
  return new BrambleError(
    'UNREACHABLE',
    `the Swarm sees ${name} at work, and it cannot be told to leave: ${reason}. With --force it is struck off all the same; it will try to come back until bramble reset ${name} is run, or its card flashed`,
  );
}

/** Gives its work to others. Services of which every node has a task just end there. */
async function drain(
  { id, hostName }: SwarmNode,
  { docker }: AskedManager,
  { clock, say, signal }: Life,
  { force, timeoutMs }: DownOptions,
): Promise<void> {
  say(`${hostName}: giving its work to other nodes`);
  await docker.run(['node', 'update', '--availability', 'drain', id]);
  const left = await poll(() => tasksNotElsewhere(docker, id), {
    ...{ clock, timeoutMs, signal },
    isEnough: (left) => left.length === 0,
  });
  if (left.length === 0) return;
  const what = left.join(', ');
  if (force) return say(`${hostName}: ${what} found no other place`);
  throw new BrambleError(
    'CONFLICT',
    `${hostName} takes no more work, but ${what} found no other place within ${timeoutMs / 1000} s; make room for it, or use --force. To leave all as it was: docker node update --availability active ${hostName}`,
  );
}

/** Services that still have a task on this node, or fewer than they want since it is drained. */
async function tasksNotElsewhere(docker: DockerCli, id: string): Promise<string[]> {
  const tasks = await linesOf(docker, [
    'node',
    'ps',
    '--no-trunc',
    '--format',
    '{{.Name}}\t{{.CurrentState}}',
    id,
  ]);
  const running = tasks.filter((line) =>
    /\t(Running|Starting|Preparing|Ready|Assigned|Accepted)\b/.test(line),
  );
  const moved = new Set(tasks.map(serviceOf));
  const services = await linesOf(docker, [
    'service',
    'ls',
    '--format',
    '{{.Name}}\t{{.Mode}}\t{{.Replicas}}',
  ]);
  const wanting = services.flatMap((line) => {
    const [name = '', mode = '', replicas = ''] = line.split('\t');
    const [, has = '0', wants = '0'] = /^(\d+)\/(\d+)/.exec(replicas) ?? [];
    return mode === 'replicated' && moved.has(name) && Number(has) < Number(wants) ? [name] : [];
  });
  return [...new Set([...running.map(serviceOf), ...wanting])];
}

/** `bramble_agent.x8z…` and `echo.1` belong to `bramble_agent` and `echo`. */
function serviceOf(task: string): string {
  return task.split('\t')[0]?.replace(/\.[^.]*$/, '') ?? '';
}

async function stepDown(node: SwarmNode, { docker }: AskedManager, life: Life): Promise<void> {
  life.say(`${node.hostName}: stepping down as a manager`);
  await demote(docker, node, life);
}

/** False where it was no member. */
async function leave(remote: Remote, { say, signal }: Life): Promise<boolean> {
  const format = '{{.Swarm.LocalNodeState}}';
  const { status, stdout } = await remote.run(['docker', 'info', '--format', format], {
    as: 'root',
    accept: [1, 127],
    signal,
  });
  if (status !== 0 || stdout.trim() === 'inactive') return false;
  say(`${remote.name}: leaving the Swarm`);
  await leaveSwarm(remote, signal);
  return true;
}
