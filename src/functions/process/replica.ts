import type { StdioOptions } from 'node:child_process';
import type { CallContext } from '../call/call-context.ts';
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
export interface ReplicaContext extends CallContext {
  readonly node: string;
  readonly settings: ProcessSettings;
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
