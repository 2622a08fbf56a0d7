import { Cron } from 'croner';
import type { ScheduleSettings } from '../../functions/settings.ts';

export type Schedule = Pick<ScheduleSettings, 'expression' | 'timeZone'>;

/** Instants at which a schedule falls due. */
export interface TickTimes {
  /** The first one after `afterMs`; `undefined` when there is none. Depends on nothing but its arguments. */
  next(afterMs: number): number | undefined;
}

/**
 * Ticks over a change of daylight saving time: an expression with `*` in its minutes or hours, with or without a step,
 * ticks in real time, once for every matching minute that passes. One without ticks once for each time that it names:
 * when that time is left out in spring, at the first moment after the gap; when it comes twice in autumn, the first
 * time. Throws a TypeError for a schedule that has a problem.
 */
export function tickTimes({ expression, timeZone }: Schedule): TickTimes {
  const cron = openCron(expression, timeZone);
  return { next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() };
}

/** A sentence that says why a schedule cannot be used; `undefined` when it can. */
export function scheduleProblem({ expression, timeZone }: Schedule): string | undefined {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    return `"${timeZone}" is not a time zone; use an IANA name such as Europe/Vienna`;
  }
  try {
    const isEver = openCron(expression, timeZone).nextRun(new Date(0)) !== null;
    return isEver ? undefined : `"${expression}" names a date that never comes`;
  } catch {
    return `"${expression}" is not a cron expression of five or six fields`;
  }
}

function openCron(expression: string, timeZone: string): Cron {
  try {
    return new Cron(expression, {
      timezone: timeZone,
      mode: '5-or-6-parts',
      paused: true,
      fixedTimeRule: 'no-wildcard', // as the cron of Unix does
    });
  } catch (cause) {
    throw new TypeError(`cannot read the schedule "${expression}" in ${timeZone}`, { cause });
  }
}
