import type { Clock } from '../../src/support/clock.ts';
import { type DockerCli, linesOf } from '../../src/support/docker-cli.ts';
import { BrambleError, toBrambleError } from '../../src/support/errors.ts';
import type { Inventory } from '../inventory.ts';
import { dockerOf } from '../remote/docker.remote.ts';
import type { Remote } from '../remote/remote.ts';
import type { SwarmNode } from '../up/phase.ts';
import { parseSwarm } from '../up/read-swarm.ts';

/** What every command has that changes a cluster which is up. */
export interface Life {
  readonly wanted: Inventory;
  /** Of all nodes of the inventory. */
  readonly remotes: ReadonlyMap<string, Remote>;
  readonly clock: Clock;
  /** Tells what is being done: a sentence without a full stop. */
  readonly say: (sentence: string) => void;
  readonly signal: AbortSignal;
}

/** A manager that answers. */
export interface AskedManager {
  readonly remote: Remote;
  readonly docker: DockerCli;
}

/**
 * The manager that answers first, of those in the file. Rejects CONTROL_OFFLINE with what each of them said when none does, and
 * CONFLICT where there is no Swarm.
 */
export async function findManager(
  { wanted, remotes, signal }: Life,
  { except }: { readonly except?: string } = {},
): Promise<AskedManager> {
  const candidates = wanted.nodes
    .filter(({ name, role }) => role === 'manager' && name !== except)
    .flatMap(({ name }) => remotes.get(name) ?? []);
  const ask = async (remote: Remote): Promise<AskedManager> => {
    const docker = dockerOf(remote, signal);
    await docker.run(['node', 'ls', '--quiet']);
    return { remote, docker };
  };
  try {
    return await Promise.any(candidates.map(ask));
  } catch (err) {
    signal.throwIfAborted();
    throw noManager(err instanceof AggregateError ? err.errors.map(toBrambleError) : []);
  }
}

function noManager(errors: readonly BrambleError[]): BrambleError {
  const reasons = errors.map(({ message }) => message).join('; ');
  if (errors.length > 0 && errors.every(({ code }) => code === 'CONFLICT'))
    return new BrambleError(
      'CONFLICT',
      `no manager of the file is one of a Swarm; run bramble up first (${reasons})`,
    );
  return new BrambleError(
    'CONTROL_OFFLINE',
    `no other manager can be asked${reasons === '' ? '; the file has none' : `: ${reasons}`}`,
  );
}

/** All nodes that the Swarm knows, those that are gone among them. */
export async function listNodes(docker: DockerCli): Promise<readonly SwarmNode[]> {
  const ids = await linesOf(docker, ['node', 'ls', '--quiet']);
  const format = '{{printf "node\\t"}}{{json .}}';
  return parseSwarm(await docker.run(['node', 'inspect', '--format', format, ...ids])).nodes;
}
