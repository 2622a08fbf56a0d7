import type { Clock } from '../../support/clock.ts';
import type { Scheduler } from './scheduler.ts';
import { type Schedule, scheduleProblem } from './tick-times.ts';

/** Rings by the timers of a clock, which may be one that is turned by hand. */
export class ManualScheduler implements Scheduler {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  problem(schedule: Schedule): string | undefined {
    return scheduleProblem(schedule);
  }

  wakeAt(atMs: number, wake: () => void): () => void {
    return this.#clock.after(atMs - this.#clock.nowMs(), wake);
  }
}
