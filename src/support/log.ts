import { type DestinationStream, pino } from 'pino';

/** Log facts: an object of values, then a fixed phrase. The subset of pino that the agent uses. */
export interface Log {
  debug(facts: object, phrase: string): void;
  info(facts: object, phrase: string): void;
  warn(facts: object, phrase: string): void;
  error(facts: object, phrase: string): void;
  child(bindings: Record<string, unknown>): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** JSON lines to standard error unless another destination is given. */
export function createLog(
  level: LogLevel,
  destination: DestinationStream = pino.destination({ dest: 2, sync: true }),
): Log {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};
