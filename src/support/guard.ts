import type { Log } from './log.ts';

/**
 * Wraps a listener that has nobody to throw to (an event emitter, a timer): a throw or a rejection is logged and
 * handed to `onFault` instead of ending the process.
 */
export function guard<Args extends unknown[]>(
  log: Log,
  listener: (...args: Args) => unknown,
  onFault: (err: unknown) => void = () => {},
): (...args: Args) => void {
  const report = (err: unknown) => {
    log.error({ err, listener: listener.name }, 'listener failed');
    onFault(err);
  };
  return (...args) => {
    try {
      Promise.resolve(listener(...args)).catch(report);
    } catch (err) {
      report(err);
    }
  };
}
