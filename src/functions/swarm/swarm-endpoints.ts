import type { Clock } from '../../support/clock.ts';
import { messageOf } from '../../support/errors.ts';
import type { Log } from '../../support/log.ts';
import type { CallContext } from '../call/call-context.ts';
import { HttpEndpoint } from '../endpoint.http.ts';
import type { Endpoint } from '../endpoint.ts';
import { parseSettings } from '../settings.ts';
import type { FunctionStatus } from '../spec.ts';
import { toStatus } from './function-status.ts';
import { drainMs } from './service-spec.ts';
import type { WatchedFunction } from './task-watch.ts';

export interface SwarmEndpointsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly maxAnswerBytes: number;
}

interface Known {
  readonly endpoint: HttpEndpoint;
  /** What its requests may take when it is to go. */
  readonly drainMs: number;
}

/** A connection pool for each ready replica, for as long as it is one. */
export class SwarmEndpoints {
  readonly #options: SwarmEndpointsOptions;
  readonly #byTask = new Map<string, Known>();
  #byFunction = new Map<string, readonly Endpoint[]>();

  constructor(options: SwarmEndpointsOptions) {
    this.#options = options;
  }

  of(name: string): readonly Endpoint[] {
    return this.#byFunction.get(name) ?? [];
  }

  /** Takes over what replicas there are now; those that went away finish what they are doing. */
  update(functions: ReadonlyMap<string, WatchedFunction>): void {
    const before = new Map(this.#byTask);
    this.#byFunction = new Map();
    for (const [name, { service, tasks }] of functions) {
      const context = this.#contextOf(toStatus(service, 0));
      // Scaled to none, the last ones are on their way out, whatever Docker says of them yet.
      const ready = service.Spec.Mode.Replicated.Replicas === 0 ? [] : tasks;
      const endpoints = ready.flatMap(({ id, node, address, state }) => {
        if (state !== 'ready' || address === undefined || context === undefined) return [];
        before.delete(id);
        return [this.#endpoint({ id, node, address, context })];
      });
      this.#byFunction.set(name, endpoints);
    }
    for (const [id, known] of before) void this.#close(id, known);
  }

  async close(): Promise<void> {
    this.#byFunction.clear();
    await Promise.all([...this.#byTask].map(([id, known]) => this.#close(id, { ...known, drainMs: 0 })));
  }

  #endpoint(options: { id: string; node: string; address: string; context: CallContext }): HttpEndpoint {
    const { id, context } = options;
    // A task keeps its address for life.
    const endpoint = this.#byTask.get(id)?.endpoint ?? new HttpEndpoint(options);
    endpoint.renew(context);
    this.#byTask.set(id, { endpoint, drainMs: drainMs(context.settings) });
    return endpoint;
  }

  async #close(id: string, { endpoint, drainMs }: Known): Promise<void> {
    this.#byTask.delete(id);
    try {
      await endpoint.close(this.#options.clock, drainMs);
    } catch (err) {
      this.#options.log.warn({ err, task: id }, 'connections to a replica did not close cleanly');
    }
  }

  /** Nothing for a service that others made with settings that mean nothing: it is shown, but cannot be called. */
  #contextOf(status: FunctionStatus): CallContext | undefined {
    const { name, envProcess, envVars, labels, annotations } = status;
    const { clock, log, maxAnswerBytes } = this.#options;
    try {
      const { process } = parseSettings({ service: name, envProcess, envVars, labels, annotations });
      return { name, settings: process, clock, maxAnswerBytes };
    } catch (err) {
      log.error(
        { fn: name, reason: messageOf(err) },
        'function has settings that cannot be used, left aside',
      );
      return undefined;
    }
  }
}
