import type { Service } from '../lifecycle/service.ts';
import type { DeadLetter, Store } from '../store/store.ts';
import type { Clock } from '../support/clock.ts';
import { guard } from '../support/guard.ts';
import type { Log } from '../support/log.ts';
import type { Queues } from './acceptor.ts';

const sweepEveryMs = 3_600_000;
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
  }): Promise<readonly DeadLetter[]> {
    return this.#options.store.deadLetters(query);
  }

  get(id: number): Promise<DeadLetter | undefined> {
    return this.#options.store.deadLetter(id);
  }

  /** Puts them back into their queues with fresh attempts; resolves to their number. Unknown ids are ignored. */
  async replay({ ids }: { readonly ids: readonly number[] }): Promise<number> {
    const { store, queues, clock } = this.#options;
    const wanted = [...new Set(ids)];
    const letters = await Promise.all(wanted.map((id) => store.deadLetter(id)));
    await store.replay(wanted, { nowMs: clock.nowMs(), ttlMs: replayTtlMs });
    const found = letters.filter((letter) => letter !== undefined);
    for (const letter of found) queues.added(letter.function, 1);
    return found.length;
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
