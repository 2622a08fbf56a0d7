import type { DockerCli } from '../../src/support/docker-cli.ts';
import { BrambleError } from '../../src/support/errors.ts';
import { poll } from '../poll.ts';
import type { StepContext, SwarmNode } from '../up/phase.ts';

/** One that leads hands over first, and an election takes up to 20 s. */
const longestMs = 60_000;

/**
 * Resolves when the managers decide without this one, and know again of every node how it is: who has just taken the lead has to
 * hear of each first. It may be dead; it must not be the one that is asked. Rejects with what Docker says when too few would be
 * left, and CONTROL_OFFLINE when it takes too long.
 */
export async function demote(
  docker: DockerCli,
  { id, hostName }: Pick<SwarmNode, 'id' | 'hostName'>,
  { clock, signal }: Pick<StepContext, 'clock' | 'signal'>,
): Promise<void> {
  // Those whom a new beginning has left out (`--force-new-cluster`) are called managers and are none; Docker demotes no such.
  if (!isManager(id, await list(docker))) return;
  await docker.run(['node', 'demote', id]);
  const isDone = async () => {
    const nodes = await list(docker).catch(() => []); // while a leader is elected nobody answers
    const areKnown = nodes.length > 0 && nodes.every(({ status }) => status !== 'Unknown');
    return areKnown && !isManager(id, nodes);
  };
  if (!(await poll(isDone, { clock, timeoutMs: longestMs, signal })))
    throw new BrambleError(
      'CONTROL_OFFLINE',
      `${hostName} is still a manager after ${longestMs / 1000} s; run this again`,
    );
}

interface Listed {
  readonly id: string;
  readonly status: string;
  /** `Reachable`, `Leader`, …; none of a worker. */
  readonly manager: string;
}

function isManager(id: string, nodes: readonly Listed[]): boolean {
  return nodes.some((node) => node.id === id && node.manager !== '');
}

async function list(docker: DockerCli): Promise<readonly Listed[]> {
  const listed = await docker.run(['node', 'ls', '--format', '{{.ID}} {{.Status}} {{.ManagerStatus}}']);
  return listed.split('\n').map((line) => {
    const [id = '', status = '', manager = ''] = line.trim().split(' ');
    return { id, status, manager };
  });
}
