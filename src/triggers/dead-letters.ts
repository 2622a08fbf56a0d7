import type { Service } from '../lifecycle/service.ts';
import type { DeadLetter, ListedDeadLetter, Store } from '../store/store.ts';
import type { Clock } from '../support/clock.ts';
import { guard } from '../support/guard.ts';
import type { Log } from '../support/log.ts';
import type { Queues } from './acceptor.ts';

/** A function that fails a thousand times a second must not fill the disk in between. */
const sweepEveryMs = 60_000;
/** Nobody reads a dead letter after a month. */
const deadLetterTtlMs = 30 * 86_400_000;
/** A replayed event has as long as a new one has by default. */
const replayTtlMs = 86_400_000;

export interface DeadLettersOptions {
  readonly store: Pick<Store, 'deadLetters' | 'deadLetter' | 'replay' | 'purge' | 'sweep'>;
  readonly queues: Pick<Queues, 'added'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxDeadLetters: number;
}

export interface Replayed {
  readonly replayed: number;
  readonly functions: readonly string[];
}

/** What could not be handled: to be listed, read, replayed and purged. Keeps the list within its bounds. */
export class DeadLetters implements Service {
  readonly name = 'dead letters';
  readonly #options: DeadLettersOptions;
  #stopSweeping = () => {};

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { clock, log } = this.#options;
    await this.#sweep();
    this.#stopSweeping = clock.every(
      sweepEveryMs,
      guard(log, () => this.#sweep()),
    );
  }

  async stop(): Promise<void> {
    this.#stopSweeping();
  }

  /** Newest first; `beforeId` is the last id of the page before. */
  list(query: {
    readonly function?: string;
    readonly limit: number;
    readonly beforeId?: number;
  }): Promise<readonly ListedDeadLetter[]> {
    return this.#options.store.deadLetters(query);
  }

  get(id: number): Promise<DeadLetter | undefined> {
    return this.#options.store.deadLetter(id);
  }

  /** Puts them back into their queues with fresh attempts; tells how many, of which functions. Unknown ids are ignored. */
  async replay({ ids }: { readonly ids: readonly number[] }): Promise<Replayed> {
    const { store, queues, clock } = this.#options;
    const replayed = await store.replay(ids, { nowMs: clock.nowMs(), ttlMs: replayTtlMs });
    for (const functionName of replayed) queues.added(functionName, 1);
    return { replayed: replayed.length, functions: [...new Set(replayed)] };
  }

  /** Deletes for good; resolves to their number. */
  purge(which: { readonly ids: readonly number[] } | { readonly function: string } | 'all'): Promise<number> {
    return this.#options.store.purge(which === 'all' ? {} : which);
  }

  async #sweep(): Promise<void> {
    const { store, clock, log, maxDeadLetters } = this.#options;
    const removed = await store.sweep({ nowMs: clock.nowMs(), maxDeadLetters, deadLetterTtlMs });
    if (removed.deadLetters > 0) log.warn({ count: removed.deadLetters }, 'old dead letters removed');
  }
}
