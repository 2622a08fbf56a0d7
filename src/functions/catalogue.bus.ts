import type { Bus, Incoming } from '../bus/bus.ts';
import { filters, functionOf, topics } from '../events/topics.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Store } from '../store/store.ts';
import type { Clock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';
import { check } from '../support/schema.ts';
import { ServedFunction } from './catalogue/served-function.ts';
import type { Catalogue, CatalogueEntry } from './catalogue.ts';
import {
  CatalogueMessage,
  decodeCatalogue,
  decodeIndex,
  type TaskEndpoint,
  toStatus,
} from './catalogue-message.ts';
import type { Endpoint } from './endpoint.ts';
import type { FunctionStatus } from './spec.ts';

const documentKind = 'catalogue';
/** Far more than a bramble has; a publisher gone mad must not fill our memory. */
const maxFunctions = 2_000;

export interface BusCatalogueOptions {
  readonly bus: Pick<Bus, 'subscribe'>;
  readonly store: Pick<Store, 'documents' | 'putDocument' | 'removeDocument'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly maxAnswerBytes: number;
}

/**
 * The catalogue of an agent that runs no functions itself: what the managers last published. It needs neither them nor
 * the broker to go on: each message stays true until a newer one comes, over restarts of the agent as well.
 */
export class BusCatalogue implements Catalogue, Service {
  readonly name = 'catalogue';
  readonly #options: BusCatalogueOptions;
  readonly #functions = new Map<string, ServedFunction>();
  readonly #listeners = new Set<() => void>();
  readonly #ignored;
  #entries: readonly CatalogueEntry[] = [];
  #unsubscribe: (() => Promise<void>)[] = [];

  constructor(options: BusCatalogueOptions) {
    this.#options = options;
    this.#ignored = options.metrics.counter(
      'bramble_catalogue_messages_ignored_total',
      'Catalogue messages not used: invalid, or outdated (a newer one was here already)',
      ['reason'],
    );
  }

  /** Serves what was known when the agent stopped, then what the bus tells. */
  async start(): Promise<void> {
    const { bus } = this.#options;
    await this.#restore();
    try {
      this.#unsubscribe.push(
        await bus.subscribe(filters.everyCatalogue, (message) => this.#hear(message)),
        await bus.subscribe(topics.catalogueIndex, (message) => this.#hearIndex(message)),
      );
    } catch (err) {
      await this.stop();
      throw err;
    }
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe.splice(0)) await unsubscribe();
    await Promise.all([...this.#functions.values()].map((served) => served.close(0)));
    this.#functions.clear();
  }

  entries(): readonly CatalogueEntry[] {
    return this.#entries;
  }

  find(name: string): CatalogueEntry | undefined {
    return this.#functions.get(name)?.entry;
  }

  endpoints(name: string): readonly Endpoint[] {
    return this.#functions.get(name)?.ready ?? [];
  }

  /** All replicas that are placed, frozen ones among them. */
  tasks(name: string): readonly TaskEndpoint[] {
    return this.#functions.get(name)?.message.endpoints ?? [];
  }

  statuses(): readonly FunctionStatus[] {
    return [...this.#functions.values()].map(({ message }) => toStatus(message));
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #restore(): Promise<void> {
    const { store, log } = this.#options;
    for (const { key, value } of await store.documents(documentKind)) {
      try {
        this.#apply(check(CatalogueMessage, value, { what: `stored catalogue of ${key}` }));
      } catch (err) {
        log.warn({ fn: key, reason: messageOf(err) }, 'stored function cannot be used, left aside');
      }
    }
    this.#changed();
  }

  /** Never throws: the broker would send the message again and again. */
  #hear({ topic, payload }: Incoming): void {
    const name = functionOf(topic);
    if (payload.length === 0) {
      if (this.#remove(name)) this.#changed();
      return;
    }
    try {
      const message = decodeCatalogue(payload, name);
      const known = this.#functions.get(name)?.message.version ?? -1;
      if (message.version <= known) {
        if (message.version < known) this.#ignored.inc({ reason: 'outdated' });
        return;
      }
      this.#apply(message);
      this.#changed();
      void this.#write(name, (store) => store.putDocument(documentKind, name, message));
    } catch (err) {
      this.#ignore(topic, err);
    }
  }

  /** Functions that it does not name, and that are not newer than it, were removed while we did not listen. */
  #hearIndex({ topic, payload }: Incoming): void {
    if (payload.length === 0) return;
    try {
      const { names, version } = decodeIndex(payload);
      const gone = [...this.#functions.values()]
        .map(({ message }) => message)
        .filter((message) => message.version <= version && !names.includes(message.name));
      for (const { name } of gone) this.#remove(name);
      if (gone.length > 0) this.#changed();
    } catch (err) {
      this.#ignore(topic, err);
    }
  }

  /** Throws INVALID when its settings cannot be understood; what was known before stays then. */
  #apply(message: CatalogueMessage): void {
    const served = this.#functions.get(message.name);
    if (served !== undefined) served.update(message);
    else if (this.#functions.size < maxFunctions)
      this.#functions.set(message.name, new ServedFunction(message, this.#options));
    else this.#options.log.error({ fn: message.name }, 'too many functions, left aside');
  }

  #remove(name: string): boolean {
    const served = this.#functions.get(name);
    if (served === undefined) return false;
    this.#functions.delete(name);
    void served.close();
    void this.#write(name, (store) => store.removeDocument(documentKind, name));
    return true;
  }

  /** What cannot be written is missing after a restart without a broker, and only then. */
  async #write(name: string, write: (store: BusCatalogueOptions['store']) => Promise<void>): Promise<void> {
    try {
      await write(this.#options.store);
    } catch (err) {
      this.#options.log.warn({ fn: name, err: messageOf(err) }, 'catalogue could not be kept on disk');
    }
  }

  #ignore(topic: string, err: unknown): void {
    this.#ignored.inc({ reason: 'invalid' });
    this.#options.log.warn({ topic, reason: messageOf(err) }, 'catalogue message ignored');
  }

  #changed(): void {
    this.#entries = [...this.#functions.values()].map(({ entry }) => entry);
    for (const listener of [...this.#listeners]) listener();
  }
}
