import type { Clock } from './clock.ts';

/** Longest delay that Node's timers take (2^31 − 1 ms, about 24.8 days); a longer one would fire at once. */
const longestTimerMs = 2_147_483_647;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    if (delayMs <= longestTimerMs) {
      const timer = setTimeout(run, Math.max(0, delayMs));
      return () => clearTimeout(timer);
    }
    let cancelRest = () => {};
    const timer = setTimeout(() => {
      cancelRest = systemClock.after(delayMs - longestTimerMs, run);
    }, longestTimerMs);
    return () => {
      clearTimeout(timer);
      cancelRest();
    };
  },
  every(periodMs, run) {
    const timer = setInterval(run, periodMs);
    return () => clearInterval(timer);
  },
};
