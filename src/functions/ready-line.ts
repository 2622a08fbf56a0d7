import type { Clock } from '../support/clock.ts';
import { BrambleError } from '../support/errors.ts';
import type { Catalogue } from './catalogue.ts';
import type { Endpoint } from './endpoint.ts';

/** Callers that wait for one function. More of them would find it overrun when it is ready. */
const maxWaiting = 1_024;
/** A message that asks for a replica may get lost, or meet no leader. */
const wakePeriodMs = 200;

export interface ReadyLineParts {
  readonly catalogue: Pick<Catalogue, 'find' | 'onChange'>;
  readonly clock: Clock;
  /** Asks for a replica; called for all who wait together, and again and again while somebody does. */
  readonly wake: ((name: string) => void) | undefined;
}

export interface WaitOptions {
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

interface Waiter {
  readonly look: () => Endpoint | undefined;
  readonly resolve: (endpoint: Endpoint) => void;
  readonly reject: (reason: BrambleError) => void;
}

interface Line {
  readonly waiters: Set<Waiter>;
  readonly close: () => void;
}

/** Those who wait for a replica of a function that has none for them now. */
export class ReadyLine {
  readonly #parts: ReadyLineParts;
  readonly #lines = new Map<string, Line>();

  constructor(parts: ReadyLineParts) {
    this.#parts = parts;
  }

  /**
   * Resolves to what `look` finds, after the first change of the catalogue with which it finds something. Rejects
   * FUNCTION_UNREADY at the deadline and when the function is removed, CANCELLED, and BUSY when too many wait.
   */
  wait(
    name: string,
    look: () => Endpoint | undefined,
    { deadlineMs, signal }: WaitOptions,
  ): Promise<Endpoint> {
    const { clock } = this.#parts;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(gaveUp(name));
      const line = this.#lines.get(name) ?? this.#open(name);
      if (line.waiters.size >= maxWaiting) return reject(tooMany(name));
      const settle = (finish: () => void) => {
        cancel();
        signal.removeEventListener('abort', onAbort);
        line.waiters.delete(waiter);
        if (line.waiters.size === 0) line.close();
        finish();
      };
      const waiter: Waiter = {
        look,
        resolve: (endpoint) => settle(() => resolve(endpoint)),
        reject: (reason) => settle(() => reject(reason)),
      };
      const onAbort = () => waiter.reject(gaveUp(name));
      const cancel = clock.after(deadlineMs - clock.monotonicMs(), () => waiter.reject(noneReady(name)));
      signal.addEventListener('abort', onAbort, { once: true });
      line.waiters.add(waiter);
    });
  }

  /** What those who wait look at has changed. */
  look(name: string): void {
    const isGone = this.#parts.catalogue.find(name) === undefined;
    for (const waiter of [...(this.#lines.get(name)?.waiters ?? [])]) {
      const found = isGone ? undefined : waiter.look();
      if (found !== undefined) waiter.resolve(found);
      else if (isGone) waiter.reject(noneReady(name));
    }
  }

  #open(name: string): Line {
    const { catalogue, clock, wake } = this.#parts;
    const waiters = new Set<Waiter>();
    const stopWatching = catalogue.onChange(() => this.look(name));
    const stopWaking = wake === undefined ? () => {} : clock.every(wakePeriodMs, () => wake(name));
    const line: Line = {
      waiters,
      close: () => {
        stopWatching();
        stopWaking();
        this.#lines.delete(name);
      },
    };
    this.#lines.set(name, line);
    wake?.(name);
    return line;
  }
}

function noneReady(name: string): BrambleError {
  return new BrambleError(
    'FUNCTION_UNREADY',
    `no replica of function "${name}" can take a request now; its log tells why`,
  );
}

function gaveUp(name: string): BrambleError {
  return new BrambleError('CANCELLED', `the caller gave up waiting for function "${name}"`);
}

function tooMany(name: string): BrambleError {
  return new BrambleError(
    'BUSY',
    `${maxWaiting} calls wait for function "${name}" to be ready; try again later`,
  );
}
