import { type Clock, sleep } from '../src/support/clock.ts';

/** Nobody waits much longer than needed, and a Pi has time for other things between two looks. */
const everyMs = 500;

export interface PollOptions<Seen> {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** What is looked for; anything but `undefined` and `false` unless told. */
  readonly isEnough?: (seen: Seen) => boolean;
}

/**
 * Looks until what it sees is enough, or `timeoutMs` are over, and resolves to what it saw last. Rejects when `look` does, and with
 * the signal's reason.
 */
export async function poll<Seen>(
  look: () => Promise<Seen>,
  { clock, timeoutMs, signal, isEnough = isFound }: PollOptions<Seen>,
): Promise<Seen> {
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (isEnough(seen) || clock.monotonicMs() > deadlineMs) return seen;
    await sleep(clock, everyMs, signal);
  }
}

function isFound(seen: unknown): boolean {
  return seen !== undefined && seen !== false;
}
