import { Client } from 'undici';
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
  readonly #origin: string;
  /** One connection each, as many as there were requests in flight at once: one more would wait behind a slow one. */
  readonly #clients: Client[] = [];
  /** Those without a request. The last one back is the next to go: the others' connections time out when load falls. */
  readonly #idle: Client[] = [];
  readonly #inFlight = new InFlight();
  #isClosing = false;

  /** `origin` is `http://10.0.1.5:8080`. */
  constructor(id: string, origin: string) {
    this.#id = id;
    this.#origin = origin;
  }

  get inFlight(): number {
    return this.#inFlight.count;
  }

  /** As `Endpoint.invoke`, but what can be refused at once is thrown. */
  invoke(request: FunctionRequest, context: CallContext, signal: AbortSignal): Promise<FunctionResponse> {
    const { maxInflight } = context.settings;
    if (this.#isClosing) throw unready(context, this.#id);
    if (maxInflight > 0 && this.#inFlight.count >= maxInflight) throw busy(context, this.#id);
    if (signal.aborted) throw cancelled();
    const client = this.#idle.pop() ?? this.#open();
    const leave = this.#inFlight.enter();
    const end = () => {
      this.#idle.push(client);
      leave();
    };
    return new HttpExchange(context, request, signal, end).run(client);
  }

  /** Takes no new requests; resolves when none is in flight, or after `limitMs`. */
  drain(clock: Clock, limitMs: number): Promise<void> {
    this.#isClosing = true;
    return this.#inFlight.none(clock, limitMs);
  }

  /** Closes all connections; requests that are still in flight fail. */
  async destroy(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#clients.map((client) => client.destroy()));
  }

  #open(): Client {
    const client = new Client(this.#origin, {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: keepAliveMs,
      keepAliveMaxTimeout: keepAliveMs,
      connect: { timeout: connectTimeoutMs },
    });
    this.#clients.push(client);
    return client;
  }
}
