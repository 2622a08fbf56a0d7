import { type Clock, sleep } from '../support/clock.ts';
import { toBrambleError } from '../support/errors.ts';
import type { CallContext } from './call/call-context.ts';
import { HttpPool } from './call/http-pool.ts';
import type { Endpoint, FunctionRequest, FunctionResponse } from './endpoint.ts';

/** A connection breaks a moment before the process that broke it stops taking new ones. */
const dyingMs = 100;

export interface HttpEndpointOptions {
  readonly id: string;
  readonly node: string;
  /** Host and port of its HTTP server: `10.0.1.5:8080`. */
  readonly address: string;
  readonly context: CallContext;
}

/** A replica somewhere in the cluster, called straight at its own address. */
export class HttpEndpoint implements Endpoint {
  readonly id: string;
  readonly node: string;
  readonly address: string;
  readonly #pool: HttpPool;
  #context: CallContext;

  constructor({ id, node, address, context }: HttpEndpointOptions) {
    this.id = id;
    this.node = node;
    this.address = address;
    this.#pool = new HttpPool(id, `http://${address}`);
    this.#context = context;
  }

  get inFlight(): number {
    return this.#pool.inFlight;
  }

  /** The limits of its function changed; requests in flight keep theirs. */
  renew(context: CallContext): void {
    this.#context = context;
  }

  async invoke(request: FunctionRequest, { signal }: { signal: AbortSignal }): Promise<FunctionResponse> {
    const context = this.#context;
    try {
      return await this.#pool.invoke(request, context, signal);
    } catch (err) {
      // Whoever comes next, the caller's next attempt above all, must not be sent to a process that is dying.
      if (toBrambleError(err).code === 'FUNCTION_FAILED') await sleep(context.clock, dyingMs);
      throw err;
    }
  }

  /** Takes no new requests, lets those in flight finish within `drainMs`, then closes all connections. */
  async close(clock: Clock, drainMs: number): Promise<void> {
    await this.#pool.drain(clock, drainMs);
    await this.#pool.destroy();
  }
}
