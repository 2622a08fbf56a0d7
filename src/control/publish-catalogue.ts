import type { Bus, Incoming } from '../bus/bus.ts';
import { filters, functionOf, topics } from '../events/topics.ts';
import {
  type CatalogueIndex,
  type CatalogueMessage,
  decodeCatalogue,
  decodeIndex,
  encodeCatalogue,
} from '../functions/catalogue-message.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Clock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';
import type { Leader } from './leader.ts';
import { planCatalogue, type Step, type WantedFunction } from './reconcile.ts';

/** Changes come in bursts: twenty replicas become ready one after the other. */
const gatherMs = 20;
/** Retained messages come right after the subscription; so long nothing is planned without them. */
const settleMs = 500;
/** Should an event of Docker's be lost. */
const resyncMs = 15_000;

/** All functions as they are now. */
export interface FunctionSource {
  functions(): Promise<readonly WantedFunction[]>;
  /** Returns the function that ends it. */
  onChange(listener: () => void): () => void;
}

export interface PublishCatalogueOptions {
  readonly bus: Pick<Bus, 'subscribe' | 'publish' | 'onState'>;
  readonly source: FunctionSource;
  readonly leader: Leader;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Keeps what the bus has of the catalogue as it should be, while this node leads: also what an earlier leader left
 * there, or a broker forgot. Everything else follows from what is retained, so it needs no memory of its own.
 */
export class PublishCatalogue implements Service {
  readonly name = 'catalogue publisher';
  readonly #options: PublishCatalogueOptions;
  readonly #published;
  readonly #functions = new Map<string, CatalogueMessage | undefined>();
  #index: CatalogueIndex | undefined;
  #lastVersion = 0;
  /** Not before all that is retained has been heard. */
  #isSettled = false;
  #cancelSettle = () => {};
  #cancelSync: (() => void) | undefined;
  #syncing: Promise<void> = Promise.resolve();
  #isStopped = false;
  #release: (() => void | Promise<void>)[] = [];

  constructor(options: PublishCatalogueOptions) {
    this.#options = options;
    this.#published = options.metrics.counter(
      'bramble_catalogue_published_total',
      'Catalogue messages published: publish, remove, index',
      ['action'],
    );
  }

  async start(): Promise<void> {
    const { bus, source, leader, clock } = this.#options;
    const sync = () => this.#soon();
    try {
      this.#release = [
        await bus.subscribe(filters.everyCatalogue, (message) => this.#hear(message)),
        await bus.subscribe(topics.catalogueIndex, (message) => this.#hearIndex(message)),
      ];
    } catch (err) {
      await this.stop();
      throw err;
    }
    this.#release.push(
      bus.onState((state) => (state === 'online' ? this.#settle() : this.#forget())),
      source.onChange(sync),
      leader.onChange(sync),
      clock.every(resyncMs, sync),
    );
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelSettle();
    this.#cancelSync?.();
    for (const release of this.#release.splice(0)) await release();
    await this.#syncing;
  }

  /** The broker may come back without what it had. */
  #forget(): void {
    this.#isSettled = false;
    this.#cancelSettle();
    this.#functions.clear();
    this.#index = undefined;
  }

  #settle(): void {
    this.#cancelSettle = this.#options.clock.after(settleMs, () => {
      this.#isSettled = true;
      this.#soon();
    });
  }

  #soon(): void {
    if (this.#isStopped) return;
    this.#cancelSync ??= this.#options.clock.after(gatherMs, () => {
      this.#cancelSync = undefined;
      this.#syncing = this.#syncing.then(() => this.#sync());
    });
  }

  /** Never rejects: what fails is done with the next change or resync. */
  async #sync(): Promise<void> {
    const { source, leader, clock, log } = this.#options;
    const mayAct = () => this.#isSettled && !this.#isStopped && leader.isLeader();
    if (!mayAct()) return;
    try {
      const wanted = await source.functions();
      const published = { functions: this.#functions, index: this.#index };
      const steps = planCatalogue(wanted, published, {
        nowMs: clock.nowMs(),
        lastVersion: this.#lastVersion,
      });
      for (const step of steps) if (mayAct()) await this.#perform(step);
    } catch (err) {
      log.warn({ reason: messageOf(err) }, 'catalogue could not be published, will be tried again');
    }
  }

  async #perform(step: Step): Promise<void> {
    const retained = { qos: 1, retain: true, contentType: 'application/json' } as const;
    const { bus } = this.#options;
    switch (step.action) {
      case 'publish': {
        const { message } = step;
        this.#lastVersion = message.version;
        const topic = topics.catalogue(message.name);
        await bus.publish({ ...retained, topic, payload: encodeCatalogue(message) });
        this.#functions.set(message.name, message);
        break;
      }
      case 'remove':
        await bus.publish({ ...retained, topic: topics.catalogue(step.name), payload: '' });
        this.#functions.delete(step.name);
        break;
      case 'index':
        this.#lastVersion = step.index.version;
        await bus.publish({
          ...retained,
          topic: topics.catalogueIndex,
          payload: encodeCatalogue(step.index),
        });
        this.#index = step.index;
        break;
      default:
        return step satisfies never;
    }
    this.#published.inc({ action: step.action });
  }

  /**
   * What is retained, and what we and others publish, in the broker's order, which counts. One of our own that comes
   * late makes us publish once more at worst. Never throws.
   */
  #hear({ topic, payload }: Incoming): void {
    const name = functionOf(topic);
    const before = this.#functions.get(name);
    const message = payload.length === 0 ? undefined : orUndefined(() => decodeCatalogue(payload, name));
    if (payload.length === 0) this.#functions.delete(name);
    else this.#functions.set(name, message);
    this.#lastVersion = Math.max(this.#lastVersion, message?.version ?? 0);
    if (message === undefined || message.version !== before?.version) this.#soon();
  }

  #hearIndex({ payload }: Incoming): void {
    const before = this.#index;
    this.#index = orUndefined(() => decodeIndex(payload));
    this.#lastVersion = Math.max(this.#lastVersion, this.#index?.version ?? 0);
    if (this.#index === undefined || this.#index.version !== before?.version) this.#soon();
  }
}

function orUndefined<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined; // unreadable: it will be replaced
  }
}
