import { createTask, validate } from 'node-cron';
import type { Clock } from '../../support/clock.ts';
import { guard } from '../../support/guard.ts';
import type { Log } from '../../support/log.ts';
import type { Scheduler } from './scheduler.ts';
import { type Schedule, scheduleProblem } from './tick-times.ts';

/** However late the event loop lets an alarm ring, it has to ring. */
const yearMs = 366 * 86_400_000;

/**
 * node-cron rings once at a given second of the year, in UTC. It is not given the schedules themselves: across a
 * change of daylight saving time it leaves ticks out (the repeated hour of autumn, the missing one of spring), and when
 * the clock is set it makes up for every tick of a pattern between then and now, from 1970 if need be. Of a pattern
 * that matches once a year there are few.
 */
export class CronScheduler implements Scheduler {
  readonly #clock: Clock;
  readonly #log: Log;

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = clock;
    this.#log = log;
  }

  problem(schedule: Schedule): string | undefined {
    const problem = scheduleProblem(schedule);
    if (problem !== undefined || validate(schedule.expression)) return problem;
    return `"${schedule.expression}" is not a cron expression of five or six fields`;
  }

  wakeAt(atMs: number, wake: () => void): () => void {
    const leftMs = atMs - this.#clock.nowMs();
    // node-cron counts whole seconds, and what lies within the present one is a year away for it.
    if (leftMs < 1_000) return this.#clock.after(leftMs, wake);
    const ring = guard(this.#log, () => {
      cancel();
      wake();
    });
    const task = createTask(secondOfYear(atMs), ring, {
      timezone: 'UTC',
      missedExecutionTolerance: yearMs,
      suppressMissedWarning: true,
    });
    const cancel = () => void task.destroy();
    void task.start();
    return cancel;
  }
}

function secondOfYear(atMs: number): string {
  const at = new Date(Math.ceil(atMs / 1_000) * 1_000);
  const month = at.getUTCMonth() + 1;
  return `${at.getUTCSeconds()} ${at.getUTCMinutes()} ${at.getUTCHours()} ${at.getUTCDate()} ${month} *`;
}
