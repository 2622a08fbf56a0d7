import { invalid } from '../support/schema.ts';
import type { FunctionSettings, ScheduleSettings } from './settings.ts';

/** A sentence that says why a schedule can never be kept; `undefined` when it can. */
export type ScheduleProblem = (schedule: ScheduleSettings) => string | undefined;

/** Throws INVALID for a schedule that would never fire. */
export function checkSchedule(
  name: string,
  { triggers: { schedule } }: FunctionSettings,
  findProblem: ScheduleProblem,
): void {
  const message = schedule === null ? undefined : findProblem(schedule);
  if (message === undefined) return;
  throw invalid([{ path: 'annotations.schedule', message }], { what: `function ${name}` });
}
