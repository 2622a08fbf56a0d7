import type { Schedule } from './tick-times.ts';

/** An alarm clock for schedules. */
export interface Scheduler {
  /** A sentence that says why a schedule cannot be used; `undefined` when it can. */
  problem(schedule: Schedule): string | undefined;
  /**
   * Calls `wake` once, when the wall clock reaches `atMs`, at once if it has. When the clock is set meanwhile it may
   * come at the wrong time: who cares for that watches the clock and asks anew. Returns the function that cancels it.
   */
  wakeAt(atMs: number, wake: () => void): () => void;
}
