import { type BrambleError, toBrambleError } from '../../src/support/errors.ts';
import { restoreMarker, stagingFolder } from '../backup/places.ts';
import { stackName } from '../phases/stack.ts';
import { registryPlaces } from '../registry/places.ts';
import type { Remote } from '../remote/remote.ts';
import { runDetached } from '../remote/run-detached.ts';
import { tunnelPlaces } from '../tunnel/places.ts';
import { mapBounded } from '../up/map-bounded.ts';
import { takeDown } from './down.ts';
import type { Life } from './life.ts';
import { resetScript } from './reset-script.ts';

export interface ResetOptions {
  /** Names of nodes; all of the file, and with them the cluster, where it is `undefined`. */
  readonly names: readonly string[] | undefined;
  /** Removes Docker with all its images and volumes as well. */
  readonly purge: boolean;
  /** Of single nodes: for their work to be elsewhere. */
  readonly timeoutMs: number;
}

const longestMs = 600_000;
const width = 8;

/**
 * Takes everything of Bramble away from nodes: the Swarm, volumes, registry, certificates, tunnel. Nodes that cannot be reached, or
 * resist, do not keep it from the others. Resolves to what went wrong, by node.
 */
export async function resetNodes(
  life: Life,
  { names, purge, timeoutMs }: ResetOptions,
): Promise<ReadonlyMap<string, BrambleError>> {
  const failures = new Map<string, BrambleError>();
  const attempt = (work: (remote: Remote) => Promise<unknown>) => async (name: string) => {
    const remote = life.remotes.get(name);
    if (remote === undefined || failures.has(name)) return;
    await work(remote).catch((err: unknown) => {
      life.signal.throwIfAborted();
      failures.set(name, toBrambleError(err));
    });
  };
  const all = names ?? life.wanted.nodes.map(({ name }) => name);
  // Others live on: one after the other they are let go.
  if (names !== undefined)
    await mapBounded(
      names,
      1,
      attempt((remote) => takeDown(life, { name: remote.name, remote, force: false, timeoutMs })),
    );
  await mapBounded(
    all,
    width,
    attempt((remote) => clean(remote, { purge }, life)),
  );
  return failures;
}

async function clean(
  remote: Remote,
  { purge }: Pick<ResetOptions, 'purge'>,
  { say, signal }: Life,
): Promise<void> {
  await runDetached(remote, {
    name: 'reset',
    script: resetScript,
    args: [
      ...[stackName, registryPlaces.folder, registryPlaces.data, registryPlaces.certificates],
      ...[tunnelPlaces.folder, tunnelPlaces.unit, tunnelPlaces.user, purge ? 'purge' : 'keep'],
      ...[stagingFolder, restoreMarker],
    ],
    timeoutMs: longestMs,
    signal,
  });
  say(`${remote.name}: Bramble is gone from it${purge ? ', and Docker too' : ''}`);
}
