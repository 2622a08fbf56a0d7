import type { ScheduleSettings } from '../../functions/settings.ts';
import type { TickTimes } from './tick-times.ts';

export interface TickPlan {
  /** Ticks to be handled now, oldest first. */
  readonly fire: readonly PlannedTick[];
  /** Ticks left out by the policy; at least so many. */
  readonly missed: number;
  /** When to look again; `undefined` when the schedule never ticks any more. */
  readonly nextMs: number | undefined;
}

export interface PlannedTick {
  readonly atMs: number;
  /** It fell while nothing ran. */
  readonly isLate: boolean;
}

/** A tick handled within this time is on time. */
const graceMs = 60_000;
/** No more ticks are made up for at once, whatever the policy and however long the pause. */
export const mostTicksAtOnce = 1_000;

/** What is to be done about the ticks after `lastMs` (the last one handled) up to `nowMs`. Pure. */
export function planTicks(
  times: TickTimes,
  { lastMs, nowMs, missed }: { lastMs: number; nowMs: number; missed: ScheduleSettings['missed'] },
): TickPlan {
  const due = lastTicks(times, { afterMs: lastMs, untilMs: nowMs });
  const onTime = due.filter((atMs) => nowMs - atMs <= graceMs).map((atMs) => ({ atMs, isLate: false }));
  const late = due.slice(0, due.length - onTime.length).map((atMs) => ({ atMs, isLate: true }));
  const made = chooseLate(late, missed, onTime.length);
  return {
    fire: [...made, ...onTime],
    missed: late.length - made.length,
    nextMs: times.next(Math.max(lastMs, nowMs)),
  };
}

function chooseLate(
  late: readonly PlannedTick[],
  missed: ScheduleSettings['missed'],
  onTimeCount: number,
): readonly PlannedTick[] {
  switch (missed) {
    case 'skip':
      return [];
    case 'once': // one that is on time makes up for all before it
      return onTimeCount > 0 ? [] : late.slice(-1);
    case 'all':
      return late;
    default:
      return missed satisfies never;
  }
}

/**
 * The latest ticks in (`afterMs`, `untilMs`], at most `mostTicksAtOnce`. Looks back from the end in growing steps: a
 * clock that was set from 1970 to today must not make us count every minute between.
 */
function lastTicks(times: TickTimes, { afterMs, untilMs }: { afterMs: number; untilMs: number }): number[] {
  // No schedule ticks more than once a second, so the first step sees no more than are wanted.
  for (let spanMs = mostTicksAtOnce * 1_000; ; spanMs *= 4) {
    const fromMs = Math.max(afterMs, untilMs - spanMs);
    const ticks = ticksBetween(times, fromMs, untilMs);
    if (ticks.length >= mostTicksAtOnce || fromMs === afterMs) return ticks.slice(-mostTicksAtOnce);
  }
}

function ticksBetween(times: TickTimes, afterMs: number, untilMs: number): number[] {
  const ticks: number[] = [];
  for (let at = times.next(afterMs); at !== undefined && at <= untilMs; at = times.next(at)) ticks.push(at);
  return ticks;
}
