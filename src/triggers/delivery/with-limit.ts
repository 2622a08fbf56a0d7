import type { Clock } from '../../support/clock.ts';
import type { BrambleError } from '../../support/errors.ts';

export interface Limit {
  readonly clock: Clock;
  /** Ends the wait with its reason. */
  readonly signal: AbortSignal;
  readonly limitMs: number;
  /** What the caller gets when the time is over. */
  readonly late: () => BrambleError;
}

/**
 * Runs something with an end: its signal is aborted when the time is over or the outer signal is, and the promise
 * rejects then, even if what runs takes no notice.
 */
export function withLimit<Result>(
  run: (signal: AbortSignal) => Promise<Result>,
  { clock, signal, limitMs, late }: Limit,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    // Not AbortSignal.any: what it hangs on a signal that lives as long as the agent stays there in Node 20.
    const own = new AbortController();
    const release = () => {
      cancel();
      signal.removeEventListener('abort', onAbort);
    };
    const giveUp = (reason: unknown) => {
      release();
      own.abort(reason);
      reject(reason);
    };
    const onAbort = () => giveUp(signal.reason);
    const cancel = clock.after(limitMs, () => giveUp(late()));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else run(own.signal).finally(release).then(resolve, reject);
  });
}
