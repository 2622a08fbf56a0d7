import { Pool } from 'undici';
import type { Clock } from '../../support/clock.ts';
import type { FunctionRequest, FunctionResponse } from '../endpoint.ts';
import { busy, type CallContext, unready } from './call-context.ts';
import { cancelled } from './deadline.ts';
import { HttpExchange } from './http-exchange.ts';
import { InFlight } from './in-flight.ts';

/** Shorter than any server's keep-alive time, so that no request meets a connection just being closed. */
const keepAliveMs = 500;
/** A host that is gone does not even refuse. One lost packet is sent again after a second. */
const connectTimeoutMs = 1_500;

/** The way to one replica that serves HTTP: its connections, and who is on it. */
export class HttpPool {
  readonly #id: string;
  readonly #pool: Pool;
  readonly #inFlight = new InFlight();
  #isClosing = false;

  /** `origin` is `http://10.0.1.5:8080`. */
  constructor(id: string, origin: string) {
    this.#id = id;
    // As many connections as there are requests in flight: one more would wait behind a slow one.
    this.#pool = new Pool(origin, {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMs,
      connect: { timeout: connectTimeoutMs },
    });
  }

  get inFlight(): number {
    return this.#inFlight.count;
  }

  /** As `Endpoint.invoke`. */
  async invoke(
    request: FunctionRequest,
    context: CallContext,
    signal: AbortSignal,
  ): Promise<FunctionResponse> {
    const { maxInflight } = context.settings;
    if (this.#isClosing) throw unready(context, this.#id);
    if (maxInflight > 0 && this.#inFlight.count >= maxInflight) throw busy(context, this.#id);
    if (signal.aborted) throw cancelled();
    return new HttpExchange(context, request, signal, this.#inFlight.enter()).run(this.#pool);
  }

  /** Takes no new requests; resolves when none is in flight, or after `limitMs`. */
  drain(clock: Clock, limitMs: number): Promise<void> {
    this.#isClosing = true;
    return this.#inFlight.none(clock, limitMs);
  }

  /** Closes all connections; requests that are still in flight fail. */
  async destroy(): Promise<void> {
    this.#isClosing = true;
    await this.#pool.destroy();
  }
}
