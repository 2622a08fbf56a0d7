import type { Clock } from '../../support/clock.ts';

const lookEveryMs = 5_000;
/** NTP slews smaller differences away without a step. */
const leastStepMs = 1_000;

/** Calls `onStep` when the wall clock was set: when it has moved otherwise than time. Returns what ends the watch. */
export function watchClock(clock: Clock, onStep: () => void): () => void {
  const offset = () => clock.nowMs() - clock.monotonicMs();
  let lastOffsetMs = offset();
  return clock.every(lookEveryMs, () => {
    const stepMs = offset() - lastOffsetMs;
    lastOffsetMs += stepMs;
    if (Math.abs(stepMs) >= leastStepMs) onStep();
  });
}
