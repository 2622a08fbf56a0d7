import type { Clock } from '../../support/clock.ts';
import { BrambleError } from '../../support/errors.ts';
import type { ProcessSettings } from '../settings.ts';

export type CallSettings = Pick<
  ProcessSettings,
  'execTimeoutMs' | 'readTimeoutMs' | 'writeTimeoutMs' | 'maxInflight'
>;

/** What a call needs to know of the function that it goes to. */
export interface CallContext {
  /** Name of the function. */
  readonly name: string;
  readonly settings: CallSettings;
  readonly clock: Clock;
  readonly maxAnswerBytes: number;
}

export function busy({ name, settings }: Pick<CallContext, 'name' | 'settings'>, id: string): BrambleError {
  const limit = settings.maxInflight;
  return new BrambleError(
    'BUSY',
    `function "${name}" has ${limit} requests in flight on ${id}, its limit; try again later, raise max_inflight or scale it up`,
  );
}

export function unready({ name }: Pick<CallContext, 'name'>, id: string): BrambleError {
  return new BrambleError('FUNCTION_UNREADY', `replica ${id} of function "${name}" takes no requests now`);
}

export function timedOut({ name, settings }: Pick<CallContext, 'name' | 'settings'>): BrambleError {
  return new BrambleError(
    'FUNCTION_TIMEOUT',
    `function "${name}" did not answer within its exec_timeout of ${settings.execTimeoutMs} ms; make it faster or raise exec_timeout`,
  );
}

/** `X-Duration-Seconds`, as the watchdogs write it. */
export function durationSeconds(clock: Clock, startedMs: number): string {
  return ((clock.monotonicMs() - startedMs) / 1_000).toFixed(6);
}
