import { type DestinationStream, pino } from 'pino';
import { BrambleError } from './errors.ts';

/** Log facts: an object of values, then a fixed phrase. The subset of pino that the agent uses. */
export interface Log {
  debug(facts: object, phrase: string): void;
  info(facts: object, phrase: string): void;
  warn(facts: object, phrase: string): void;
  error(facts: object, phrase: string): void;
  child(bindings: Record<string, unknown>): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** JSON lines to standard error unless another destination is given. A line that cannot be written is lost, no more. */
export function createLog(level: LogLevel, destination: DestinationStream = standardError()): Log {
  const serializers = { err: describeError };
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers }, destination);
}

/** Of lines that a full disk did not take; the newest beyond it are dropped. */
const mostUnwrittenBytes = 256 * 1024;

function standardError(): DestinationStream {
  const destination = pino.destination({ dest: 2, sync: true, maxLength: mostUnwrittenBytes });
  // Without a listener whoever logs would be thrown at. There is nowhere to tell of it.
  destination.on('error', () => {});
  return destination;
}

/** Our own errors say what was tried and what to do: a stack would only bury that. A defect needs its stack. */
function describeError(err: unknown): unknown {
  if (!(err instanceof BrambleError) || err.code === 'INTERNAL')
    return err instanceof Error ? pino.stdSerializers.err(err) : err;
  const { code, message, problems } = err;
  return problems.length === 0 ? { code, message } : { code, message, problems };
}

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};
