import { type Clock, sleep } from '../src/support/clock.ts';

/** Nobody waits much longer than needed, and a Pi has time for other things between two looks. */
const everyMs = 500;

export interface PollOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Looks until `look` finds something, to which it resolves: anything but `undefined` and `false`. Resolves to `undefined` when
 * nothing is found within `timeoutMs`. Rejects when `look` does, and with the signal's reason.
 */
export async function poll<Found>(
  look: () => Promise<Found | undefined | false>,
  { clock, timeoutMs, signal }: PollOptions,
): Promise<Found | undefined> {
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (clock.monotonicMs() > deadlineMs) return undefined;
    await sleep(clock, everyMs, signal);
  }
}
