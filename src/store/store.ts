import type { Envelope } from '../events/event.ts';
import type { Service } from '../lifecycle/service.ts';

/** One function's share of an accepted event: the unit that is queued, retried, finished or dead-lettered. */
export interface Delivery {
  readonly id: number;
  readonly function: string;
  readonly event: Envelope;
  /** Attempts made so far. */
  readonly attempts: number;
  /** Not before this time (ms since the epoch). */
  readonly dueMs: number;
  /** After this time it becomes a dead letter. */
  readonly expiresMs: number;
  /** Deliveries of one function with the same key are handled in order of acceptance, one at a time. */
  readonly orderKey: string | null;
  /** Where the answer is to be posted (async calls). */
  readonly callbackUrl: string | null;
  /** HTTP facts of an async call, to be given to the function again. */
  readonly request: DeliveryRequest | null;
}

export interface DeliveryRequest {
  readonly method: string;
  /** Below the function, starting with `/`. */
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface NewDelivery {
  readonly function: string;
  readonly expiresMs: number;
  readonly orderKey?: string | null;
  readonly callbackUrl?: string | null;
  readonly request?: DeliveryRequest | null;
  /**
   * Most deliveries of this function waiting at once, and what becomes a dead letter when there is one too many: that
   * one, or the oldest. An attempt may be under way with the oldest, which the store cannot know: if it ends well
   * after all, settling it removes the dead letter again.
   */
  readonly queue: { readonly limit: number; readonly whenFull: 'reject' | 'drop-oldest' };
}

export interface Acceptance {
  /** `duplicate`: an event of this source and id was accepted within the dedupe window; nothing was written. */
  readonly outcome: 'stored' | 'duplicate';
  /** In the order asked for; `null` where the queue was full and the delivery became a dead letter (`reject`). */
  readonly deliveryIds: readonly (number | null)[];
  /** In the same order: how many of the oldest became dead letters to make room (`drop-oldest`). */
  readonly dropped: readonly number[];
}

/** How an attempt ended. */
export type Ending =
  | { readonly outcome: 'done' }
  | {
      readonly outcome: 'retry';
      readonly dueMs: number;
      readonly status: number | null;
      readonly reason: string;
    }
  | {
      readonly outcome: 'dead';
      readonly status: number | null;
      readonly reason: string;
      /** It ended in the queue, without the attempt that is counted otherwise. */
      readonly isUntried?: boolean;
    };

export interface DeadLetter {
  readonly id: number;
  readonly function: string;
  readonly event: Envelope;
  readonly attempts: number;
  readonly status: number | null;
  readonly reason: string;
  readonly diedMs: number;
}

/** As lists show it: without the data of its event, of which hundreds would not fit into the memory of a Pi. */
export interface ListedDeadLetter extends Omit<DeadLetter, 'event'> {
  readonly event: Omit<Envelope, 'data'> & { readonly dataBytes: number };
}

export interface WaitingPage {
  readonly afterId: number;
  readonly limit: number;
  /** The page ends with the delivery by which the data of its events reach so many bytes. */
  readonly maxBytes?: number;
}

export interface QueueDepth {
  readonly function: string;
  readonly waiting: number;
  readonly dead: number;
}

/** An event of ours on its way out. */
export interface OutboxEntry {
  readonly id: string;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
  readonly contentType: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly storedMs: number;
}

export interface StoredOutboxEntry extends OutboxEntry {
  /** Grows from entry to entry in order of storing and is never used again. */
  readonly position: number;
}

/**
 * The node's own memory on disk. Each promise resolves when the change is fsynced (one commit carries many callers:
 * group commit) and rejects with STORE_FULL (nothing was changed, trying again may help), STORE_BROKEN, BUSY (too much
 * waits to be written already) or CANCELLED (it is stopped). Answers come in the order of the calls, and each call sees
 * what those before it did.
 */
export interface Store extends Service {
  /** Event and fan-out in one transaction. With no deliveries the event is only remembered for deduplication. */
  accept(
    event: Envelope,
    deliveries: readonly NewDelivery[],
    options: { nowMs: number; dedupeMs: number },
  ): Promise<Acceptance>;
  /**
   * Ends an attempt, and stores what is to be published about it, in one transaction. For an id that is not waiting
   * nothing is done and nothing published: it was settled before, or became a dead letter.
   */
  settle(
    deliveryId: number,
    ending: Ending,
    options: { nowMs: number; publish?: OutboxEntry },
  ): Promise<void>;
  /** Waiting deliveries of one function in order of acceptance, those with id > `afterId` only. Due or not. */
  waiting(functionName: string, page: WaitingPage): Promise<readonly Delivery[]>;
  /** Every function that has waiting or dead deliveries. */
  depths(): Promise<readonly QueueDepth[]>;
  /** Ends all waiting deliveries of a removed function as dead letters. Resolves to their number. */
  abandon(functionName: string, reason: string, nowMs: number): Promise<number>;

  /** Newest first. */
  deadLetters(query: {
    function?: string;
    limit: number;
    beforeId?: number;
  }): Promise<readonly ListedDeadLetter[]>;
  deadLetter(id: number): Promise<DeadLetter | undefined>;
  /** Queues them again with fresh attempts, at the end and whatever the queue's limit; resolves to the function of each. Unknown ids are ignored. */
  replay(ids: readonly number[], options: { nowMs: number; ttlMs: number }): Promise<readonly string[]>;
  /** Deletes dead letters for good; resolves to their number. Without `ids`, those of `function`, or all. */
  purge(query: { ids?: readonly number[]; function?: string }): Promise<number>;

  /** An entry of an id that is there already is not stored again. */
  putOutbox(entry: OutboxEntry): Promise<void>;
  /** Oldest first, those stored after `afterPosition` only. */
  outbox(query: { limit: number; afterPosition?: number }): Promise<readonly StoredOutboxEntry[]>;
  /** Their handling was confirmed. Unknown ids are ignored. */
  removeOutbox(ids: readonly string[]): Promise<void>;
  countOutbox(): Promise<number>;

  /** Small JSON documents (function specs, schedules' last ticks), by kind and key. */
  putDocument(kind: string, key: string, value: unknown): Promise<void>;
  removeDocument(kind: string, key: string): Promise<void>;
  documents(kind: string): Promise<readonly { readonly key: string; readonly value: unknown }[]>;

  /** Forgets event ids past their dedupe window, dead letters and outbox entries over their bounds. Returns counts. */
  sweep(bounds: SweepBounds): Promise<{ readonly deadLetters: number; readonly outbox: number }>;
}

/** A bound that is left out is not enforced by this sweep. */
export interface SweepBounds {
  readonly nowMs: number;
  readonly maxDeadLetters?: number;
  readonly deadLetterTtlMs?: number;
  readonly maxOutbox?: number;
}
