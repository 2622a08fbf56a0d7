import { type Clock, sleep } from '../../src/support/clock.ts';
import { toBrambleError } from '../../src/support/errors.ts';
import { backoffMs } from '../../src/support/retry.ts';
import type { Remote } from '../remote/remote.ts';
import type { ReachContext } from './run-phases.ts';

export interface ReachOptions extends ReachContext {
  readonly clock: Clock;
  /** For a machine that does not answer yet, since it boots. */
  readonly waitMs: number;
}

const pauses = { minMs: 500, maxMs: 5_000 };
/** The first boot of a Pi with a slow card, packages and all. */
const longestFirstBootMs = 600_000;
/** cloud-init(1): 1 is an error, 2 errors that it could live with. What came of them the facts will tell. */
const endedBadly: readonly number[] = [1, 2];

/**
 * Connects to a machine that may boot still, and waits until cloud-init, where there is one, has done its part: it restarts sshd,
 * and may install packages, after SSH has answered first. Rejects as `connect` does; UNREACHABLE only after `waitMs`.
 */
export async function reach(remote: Remote, options: ReachOptions): Promise<void> {
  const { clock, waitMs, awaits, signal } = options;
  const startedMs = clock.monotonicMs();
  for (let attempt = 1; ; attempt += 1) {
    try {
      await remote.connect({ signal });
      return await awaitFirstBoot(remote, options);
    } catch (err) {
      signal.throwIfAborted();
      const spentMs = clock.monotonicMs() - startedMs;
      if (toBrambleError(err).code !== 'UNREACHABLE' || spentMs >= waitMs) throw err;
      if (attempt === 1) awaits(Math.round(waitMs - spentMs));
      await sleep(clock, Math.min(backoffMs(attempt, pauses, Math.random()), waitMs - spentMs), signal);
    }
  }
}

const firstBootScript = 'if command -v cloud-init >/dev/null; then cloud-init status --wait; fi';

async function awaitFirstBoot(
  remote: Remote,
  { say, signal }: Pick<ReachContext, 'say' | 'signal'>,
): Promise<void> {
  const { status } = await remote.run(['sh', '-c', firstBootScript], {
    accept: endedBadly,
    timeoutMs: longestFirstBootMs,
    signal,
  });
  if (status !== 0) say('cloud-init had errors; see /var/log/cloud-init.log there');
}
