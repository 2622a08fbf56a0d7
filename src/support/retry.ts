import type { Clock } from './clock.ts';
import { sleep } from './clock.ts';
import { toBrambleError } from './errors.ts';

export interface Backoff {
  /** Wait before the second attempt. */
  readonly minMs: number;
  /** No wait is longer. */
  readonly maxMs: number;
}

/**
 * Wait before attempt `attempt + 1`: exponential with full jitter, so that many callers that failed together do not
 * come back together. `random` is in [0, 1). Never less than half of `minMs`.
 */
export function backoffMs(attempt: number, { minMs, maxMs }: Backoff, random: number): number {
  const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(minMs / 2 + random * Math.max(0, ceiling - minMs / 2));
}

export interface RetryOptions extends Backoff {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Attempts in all; without it retries go on until the signal is aborted. */
  readonly attempts?: number;
  readonly random?: () => number;
  readonly onRetry?: (err: unknown, attempt: number, waitMs: number) => void;
}

/** Runs `attempt` until it succeeds, throws something not retryable, or the attempts are used up. */
export async function retry<Result>(run: () => Promise<Result>, options: RetryOptions): Promise<Result> {
  const { clock, signal, attempts = Number.POSITIVE_INFINITY, random = Math.random, onRetry } = options;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run();
    } catch (err) {
      if (attempt >= attempts || signal?.aborted || !toBrambleError(err).isRetryable) throw err;
      const waitMs = backoffMs(attempt, options, random());
      onRetry?.(err, attempt, waitMs);
      await sleep(clock, waitMs, signal);
    }
  }
}
