import type { Clock } from '../../support/clock.ts';
import { guard } from '../../support/guard.ts';
import type { Log } from '../../support/log.ts';
import type { CallContext } from '../call/call-context.ts';
import type { CatalogueEntry } from '../catalogue.ts';
import type { CatalogueMessage } from '../catalogue-message.ts';
import { HttpEndpoint } from '../endpoint.http.ts';
import { parseSettings } from '../settings.ts';

/** A replica that left the catalogue may finish its requests for so long, where its function sets no time limit. */
const longestDrainMs = 60_000;

export interface ServedFunctionOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly maxAnswerBytes: number;
}

/** One function of the catalogue, with the ways to its replicas; these are kept while a replica stays where it is. */
export class ServedFunction {
  readonly #options: ServedFunctionOptions;
  readonly #endpoints = new Map<string, HttpEndpoint>();
  #message: CatalogueMessage;
  #entry: CatalogueEntry;
  #ready: readonly HttpEndpoint[] = [];

  /** Throws INVALID when its settings cannot be understood. */
  constructor(message: CatalogueMessage, options: ServedFunctionOptions) {
    this.#options = options;
    this.#message = message;
    this.#entry = toEntry(message);
    this.#connect();
  }

  get message(): CatalogueMessage {
    return this.#message;
  }

  get entry(): CatalogueEntry {
    return this.#entry;
  }

  get ready(): readonly HttpEndpoint[] {
    return this.#ready;
  }

  /** Throws INVALID, and changes nothing, when the settings cannot be understood. */
  update(message: CatalogueMessage): void {
    this.#entry = toEntry(message);
    this.#message = message;
    this.#connect();
  }

  /** Takes no new requests; resolves when all connections are closed. */
  async close(drainMs = this.#drainMs): Promise<void> {
    const closing = [...this.#endpoints.values()].map((endpoint) =>
      endpoint.close(this.#options.clock, drainMs),
    );
    this.#endpoints.clear();
    this.#ready = [];
    await Promise.all(closing);
  }

  #connect(): void {
    const { clock, log } = this.#options;
    const context = this.#context();
    const wanted = new Map(this.#message.endpoints.map((task) => [task.id, task]));
    const close = guard(log, (endpoint: HttpEndpoint) => endpoint.close(clock, this.#drainMs));
    for (const [id, endpoint] of this.#endpoints) {
      if (wanted.get(id)?.address === endpoint.address) continue;
      this.#endpoints.delete(id);
      close(endpoint);
    }
    for (const { id, node, address } of wanted.values()) {
      const endpoint = this.#endpoints.get(id) ?? new HttpEndpoint({ id, node, address, context });
      endpoint.renew(context);
      this.#endpoints.set(id, endpoint);
    }
    this.#ready = [...this.#endpoints.values()].filter(({ id }) => wanted.get(id)?.state === 'ready');
  }

  #context(): CallContext {
    const { clock, maxAnswerBytes } = this.#options;
    const { process } = this.#entry.settings;
    // A watchdog without the variable takes any number, and one with it refuses by itself: the usual limit is not its.
    const isLimited = this.#message.service.envVars.max_inflight !== undefined;
    const settings = isLimited ? process : { ...process, maxInflight: 0 };
    return { name: this.#message.name, settings, clock, maxAnswerBytes };
  }

  get #drainMs(): number {
    return this.#entry.settings.process.execTimeoutMs || longestDrainMs;
  }
}

function toEntry({ name, service, replicas }: CatalogueMessage): CatalogueEntry {
  const { envProcess, envVars, labels, annotations } = service;
  const settings = parseSettings({ service: name, envProcess, envVars, labels, annotations });
  return { name, settings, replicas };
}
