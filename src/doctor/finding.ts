export type State = 'ok' | 'warn' | 'fail';

/** What one look at the machine gave. */
export interface Verdict {
  readonly state: State;
  /** What was found, one line. */
  readonly detail: string;
  /** What to do about it; with every `warn` and `fail`. */
  readonly advice?: string;
}

export interface Finding extends Verdict {
  readonly check: string;
}

/** One thing to look at. A throw is a `fail`; the signal comes when the time for it is over. */
export interface Check {
  readonly name: string;
  run(signal: AbortSignal): Promise<readonly Verdict[]>;
}

export function ok(detail: string): Verdict {
  return { state: 'ok', detail };
}

export function warn(detail: string, advice: string): Verdict {
  return { state: 'warn', detail, advice };
}

export function fail(detail: string, advice: string): Verdict {
  return { state: 'fail', detail, advice };
}
