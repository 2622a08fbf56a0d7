import type { StdioOptions } from 'node:child_process';
import type { Clock } from '../../support/clock.ts';
import { BrambleError } from '../../support/errors.ts';
import type { Endpoint } from '../endpoint.ts';
import type { ProcessSettings } from '../settings.ts';
import type { ProcessGroup } from './process-group.ts';

/** From SIGTERM to SIGKILL. */
export const killGraceMs = 500;
/** A process that is not ready after so long is ended and started again. Loading a big model takes its time. */
export const startLimitMs = 60_000;

/** One copy of a function on this node, however it runs. */
export interface Replica extends Endpoint {
  /** Resolves when it can take requests. When it rejects, nothing of it runs any more. */
  start(): Promise<void>;
  /** Resolves with the reason when it can take no more requests, without having been told to stop. */
  readonly gone: Promise<string>;
  /**
   * Takes no new requests, lets those in flight finish within `drainMs`, then ends all its processes. May be called
   * again, with less time, while it runs; resolves when nothing is left.
   */
  stop(drainMs: number): Promise<void>;
}

/** What all replicas of one version of a function have in common. */
export interface ReplicaContext {
  /** Name of the function. */
  readonly name: string;
  readonly node: string;
  readonly settings: ProcessSettings;
  readonly clock: Clock;
  readonly maxAnswerBytes: number;
  launch(
    command: readonly string[],
    options: { readonly env?: Readonly<Record<string, string>>; readonly stdio: StdioOptions },
  ): Promise<ProcessGroup>;
  /** Adds a line to the function's log. */
  log(instance: string, line: string): void;
}

/** The promise that tells of a replica's end, with its key. */
export class Gone {
  readonly promise: Promise<string>;
  #resolve: (reason: string) => void = () => {};

  constructor() {
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  tell(reason: string): void {
    this.#resolve(reason);
  }
}

/** Counts requests in flight and tells when there is none. */
export class InFlight {
  #count = 0;
  readonly #waiting = new Set<() => void>();

  get count(): number {
    return this.#count;
  }

  /** Returns the function that ends it, once. */
  enter(): () => void {
    this.#count += 1;
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      this.#count -= 1;
      if (this.#count === 0) for (const wake of [...this.#waiting]) wake();
    };
  }

  /** Resolves when there is none, or after `limitMs`. */
  none(clock: Clock, limitMs: number): Promise<void> {
    if (this.#count === 0 || limitMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      const cancel = clock.after(limitMs, wake);
      this.#waiting.add(wake);
    });
  }
}

export function busy({ name, settings }: ReplicaContext, id: string): BrambleError {
  const limit = settings.maxInflight;
  return new BrambleError(
    'BUSY',
    `function "${name}" has ${limit} requests in flight on ${id}, its limit; try again later, raise max_inflight or scale it up`,
  );
}

export function unready({ name }: ReplicaContext, id: string): BrambleError {
  return new BrambleError('FUNCTION_UNREADY', `replica ${id} of function "${name}" takes no requests now`);
}

export function timedOut({ name, settings }: ReplicaContext): BrambleError {
  return new BrambleError(
    'FUNCTION_TIMEOUT',
    `function "${name}" did not answer within its exec_timeout of ${settings.execTimeoutMs} ms; make it faster or raise exec_timeout`,
  );
}

/** `X-Duration-Seconds`, as the watchdogs write it. */
export function durationSeconds(clock: Clock, startedMs: number): string {
  return ((clock.monotonicMs() - startedMs) / 1_000).toFixed(6);
}
