import { setMaxListeners } from 'node:events';
import type { Bus } from '../../bus/bus.ts';
import type { Catalogue } from '../../functions/catalogue.ts';
import type { Service } from '../../lifecycle/service.ts';
import type { Delivery, Store } from '../../store/store.ts';
import { BrambleError } from '../../support/errors.ts';
import { guard } from '../../support/guard.ts';
import type { Queues } from '../acceptor.ts';
import type { Endings } from '../endings.ts';
import { Callbacks, type Post } from './callback.ts';
import { Deliverer, type DelivererOptions } from './deliverer.ts';
import { Publications } from './publications.ts';
import { FunctionQueue, type Handled } from './queue.ts';

/** The store is asked so often how long the queues are; in between they are counted. */
const countEveryMs = 5_000;
/** A function that is replaced is gone for a moment: only after this time its queue goes to the dead letters. */
const removedGraceMs = 10_000;
/** One that has not been seen since the start may belong to a catalogue that is still on its way. */
const unknownGraceMs = 3_600_000;
/** What runs may finish for so long; a service has two seconds to stop. */
const finishMs = 1_500;

export interface DispatcherOptions
  extends Omit<DelivererOptions, 'store' | 'callbacks' | 'publications' | 'signal'> {
  readonly store: Pick<Store, 'waiting' | 'settle' | 'depths' | 'abandon'>;
  readonly catalogue: Catalogue;
  readonly post: Post;
  /** For what answers ask to be published. */
  readonly bus: Pick<Bus, 'publish'>;
  readonly endings: Pick<Endings, 'ended'>;
}

/**
 * Feeds each function from a queue of its own, so that a slow or broken one delays no other. Deliveries that are under
 * way when the agent ends, however it ends, count as not tried: they run again after the next start.
 */
export class Dispatcher implements Service, Queues {
  readonly name = 'dispatcher';
  readonly #options: DispatcherOptions;
  readonly #queues = new Map<string, FunctionQueue>();
  readonly #waiting = new Map<string, number>();
  readonly #seen = new Set<string>();
  /** Functions that are gone, and what cancels the end of their queues. */
  readonly #leaving = new Map<string, () => void>();
  readonly #giveUp = new AbortController();
  readonly #callbacks: Callbacks;
  readonly #deliverer: Deliverer;
  #isStarted = false;
  #unwatch = () => {};
  #stopCounting = () => {};

  constructor(options: DispatcherOptions) {
    this.#options = options;
    setMaxListeners(0, this.#giveUp.signal); // everything that runs listens to it
    this.#callbacks = new Callbacks(options);
    this.#deliverer = new Deliverer({
      ...options,
      callbacks: this.#callbacks,
      publications: new Publications(options),
      signal: this.#giveUp.signal,
    });
  }

  /** Resolves when what waited on disk is being worked off. */
  async start(): Promise<void> {
    const { catalogue, clock, log } = this.#options;
    await this.#count();
    this.#isStarted = true;
    this.#unwatch = catalogue.onChange(() => this.#review());
    this.#stopCounting = clock.every(
      countEveryMs,
      guard(log, () => this.#count()),
    );
    this.#review();
    for (const functionName of this.#waiting.keys()) this.#queue(functionName).wake();
  }

  async stop(): Promise<void> {
    this.#isStarted = false;
    this.#unwatch();
    this.#stopCounting();
    for (const cancel of this.#leaving.values()) cancel();
    this.#leaving.clear();
    const giveUp = () => this.#giveUp.abort(new BrambleError('CANCELLED', 'the agent is stopping'));
    const cancel = this.#options.clock.after(finishMs, giveUp);
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
    await this.#callbacks.idle();
    cancel();
  }

  added(functionName: string, count: number): void {
    this.#addWaiting(functionName, count);
    if (!this.#isStarted) return;
    this.#queue(functionName).wake();
    // Removed while its event was being stored, or replayed without it: no change of the catalogue may come any more.
    if (this.#options.catalogue.find(functionName) === undefined) this.#expectEnd(functionName);
  }

  waiting(functionName: string): number {
    return this.#waiting.get(functionName) ?? 0;
  }

  #queue(functionName: string): FunctionQueue {
    const queue = this.#queues.get(functionName) ?? this.#open(functionName);
    this.#queues.set(functionName, queue);
    return queue;
  }

  #open(functionName: string): FunctionQueue {
    const { catalogue } = this.#options;
    return new FunctionQueue({
      ...this.#options,
      functionName,
      settings: () => catalogue.find(functionName)?.settings.delivery,
      handle: (delivery) => this.#deliver(delivery),
    });
  }

  async #deliver(delivery: Delivery): Promise<Handled> {
    const { catalogue, measures, endings } = this.#options;
    const entry = catalogue.find(delivery.function);
    if (entry === undefined) return { next: 'pause' };
    const labels = { function_name: delivery.function };
    measures.inFlight.inc(labels);
    try {
      const handled = await this.#deliverer.deliver(delivery, entry.settings);
      if (handled.next === 'ended') {
        this.#addWaiting(delivery.function, -1);
        endings.ended(delivery.id);
      }
      return handled;
    } finally {
      measures.inFlight.dec(labels);
    }
  }

  #addWaiting(functionName: string, count: number): void {
    const waiting = Math.max(0, this.waiting(functionName) + count);
    this.#waiting.set(functionName, waiting);
    this.#options.measures.waiting.set({ function_name: functionName }, waiting);
  }

  /** Sets the counts right: of deliveries that left a full queue, were replayed or purged nobody tells us. */
  async #count(): Promise<void> {
    const { store, measures } = this.#options;
    const depths = await store.depths();
    measures.dead.reset();
    measures.waiting.reset();
    this.#waiting.clear();
    for (const { function: functionName, waiting, dead } of depths) {
      measures.dead.set({ function_name: functionName }, dead);
      if (waiting > 0) this.#addWaiting(functionName, waiting);
    }
  }

  /** The catalogue changed: functions came, went, or can be reached again. */
  #review(): void {
    const { catalogue } = this.#options;
    for (const { name } of catalogue.entries()) {
      this.#seen.add(name);
      this.#leaving.get(name)?.();
      this.#leaving.delete(name);
    }
    for (const functionName of new Set([...this.#queues.keys(), ...this.#waiting.keys()])) {
      if (catalogue.find(functionName) === undefined) this.#expectEnd(functionName);
      else this.#queue(functionName).resume();
    }
  }

  #expectEnd(functionName: string): void {
    const { clock, log } = this.#options;
    if (this.#leaving.has(functionName)) return;
    const graceMs = this.#seen.has(functionName) ? removedGraceMs : unknownGraceMs;
    const end = guard(log, () => this.#abandon(functionName));
    this.#leaving.set(functionName, clock.after(graceMs, end));
  }

  async #abandon(functionName: string): Promise<void> {
    const { store, clock, log, measures, catalogue } = this.#options;
    this.#leaving.delete(functionName);
    await this.#queues.get(functionName)?.close();
    // Not before: beside the attempts that still ran, a new queue would start them once more.
    this.#queues.delete(functionName);
    if (!this.#isStarted) return;
    if (catalogue.find(functionName) !== undefined) return this.#queue(functionName).wake(); // deployed again meanwhile
    this.#seen.delete(functionName);
    const count = await store.abandon(functionName, 'function removed', clock.nowMs());
    measures.deliveries.inc({ function_name: functionName, outcome: 'abandoned' }, count);
    measures.inFlight.remove({ function_name: functionName });
    log.info({ fn: functionName, count }, 'function removed; its queue went to the dead letters');
    await this.#count();
  }
}
