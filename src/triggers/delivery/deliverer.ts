import { encodeOutboxEntry } from '../../bus/outbox/outbox.ts';
import type { BrambleEvent } from '../../events/event.ts';
import type { Invoke } from '../../functions/invoke.ts';
import type { FunctionSettings } from '../../functions/settings.ts';
import type { Delivery, Ending, OutboxEntry, Store } from '../../store/store.ts';
import type { Clock } from '../../support/clock.ts';
import { messageOf } from '../../support/errors.ts';
import type { Log } from '../../support/log.ts';
import { retry } from '../../support/retry.ts';
import type { Measures } from '../measures.ts';
import { type Attempt, attempt } from './attempt.ts';
import type { Callbacks } from './callback.ts';
import { type Decision, decide } from './decide.ts';
import type { Publications } from './publications.ts';
import type { Handled } from './queue.ts';
import {
  callbackRequest,
  failedEvent,
  finishedEvent,
  longestResultBytes,
  resultOf,
  type Teller,
} from './results.ts';

/** So much of an answer is posted to a callback. */
const longestCallbackBytes = 10_485_760;
/** The runtime's own limit comes first and names the cause; this is for one that does not keep it. */
const limitSlackMs = 5_000;
/** Waits between attempts to write down how a delivery ended while the disk is full. */
const storeBackoff = { minMs: 250, maxMs: 10_000 };

export interface DelivererOptions {
  readonly node: string;
  readonly store: Pick<Store, 'settle'>;
  readonly invoke: Invoke;
  readonly callbacks: Pick<Callbacks, 'send'>;
  readonly publications: Pick<Publications, 'publish'>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly newId: () => string;
  readonly log: Log;
  readonly measures: Measures;
  /** A result was put into the outbox, and may be sent. */
  readonly onResult: (entry: OutboxEntry) => void;
  /** Aborted when the agent has no time left for what runs. */
  readonly signal: AbortSignal;
}

/** One delivery, one attempt: have it handled, decide what follows, write that down, tell who asked. */
export class Deliverer {
  readonly #options: DelivererOptions;

  constructor(options: DelivererOptions) {
    this.#options = options;
  }

  /** Rejects when interrupted or when the store is broken; then the attempt counts as not made. */
  async deliver(delivery: Delivery, settings: FunctionSettings): Promise<Handled> {
    const { clock, random, measures } = this.#options;
    if (clock.nowMs() >= delivery.expiresMs) return this.#endUntried(delivery);
    const made = await this.#attempt(delivery, settings);
    measures.attemptSeconds.observe({ function_name: delivery.function }, made.durationMs / 1000);
    const decision = decide(
      made.outcome,
      { attempts: delivery.attempts + 1, expiresMs: delivery.expiresMs },
      settings.delivery,
      { nowMs: clock.nowMs(), random: random() },
    );
    return this.#follow(decision, delivery, made, settings);
  }

  #attempt(delivery: Delivery, settings: FunctionSettings): Promise<Attempt> {
    const { invoke, clock, signal } = this.#options;
    const leftMs = Math.max(0, delivery.expiresMs - clock.nowMs());
    const { execTimeoutMs } = settings.process;
    return attempt(delivery, {
      invoke,
      clock,
      signal,
      limitMs: execTimeoutMs > 0 ? execTimeoutMs + limitSlackMs : leftMs,
      keepBytes: delivery.callbackUrl === null ? longestResultBytes : longestCallbackBytes,
    });
  }

  async #follow(
    decision: Decision,
    delivery: Delivery,
    made: Attempt,
    settings: FunctionSettings,
  ): Promise<Handled> {
    const { clock, log } = this.#options;
    switch (decision.action) {
      case 'wait':
        return { next: 'pause' };
      case 'retry': {
        const { dueMs, status, reason } = decision;
        log.info(
          { fn: delivery.function, event: delivery.event.id, status, reason },
          'delivery will be retried',
        );
        await this.#settle(delivery, { outcome: 'retry', dueMs, status, reason });
        return { next: 'again', waitMs: dueMs - clock.nowMs() };
      }
      case 'done':
        await this.#finish(delivery, decision.status, made, settings);
        return this.#end(delivery, made);
      case 'dead':
        await this.#bury(delivery, { ...decision, attempts: delivery.attempts + 1 });
        return this.#end(delivery, made);
      default:
        return decision satisfies never;
    }
  }

  /** What the answer asks to be published goes first: after a crash in between it is asked for again. */
  async #finish(
    delivery: Delivery,
    status: number,
    made: Attempt,
    settings: FunctionSettings,
  ): Promise<void> {
    const { publications, signal } = this.#options;
    const result = resultOf(made.answer);
    await publications.publish(result, delivery, settings, signal);
    const { durationMs } = made;
    const event = finishedEvent(delivery, { status, durationMs, result }, this.#teller());
    await this.#settle(delivery, { outcome: 'done' }, event);
  }

  async #endUntried(delivery: Delivery): Promise<Handled> {
    const reason = 'expired: its time to live ended in the queue';
    await this.#bury(delivery, { attempts: delivery.attempts, status: null, reason, isUntried: true });
    return this.#end(delivery, { answer: undefined, durationMs: 0 });
  }

  async #bury(
    delivery: Delivery,
    end: {
      readonly attempts: number;
      readonly status: number | null;
      readonly reason: string;
      readonly isUntried?: true;
    },
  ): Promise<void> {
    const { status, reason, isUntried } = end;
    const facts = { fn: delivery.function, event: delivery.event.id, status, reason };
    this.#options.log.warn(facts, 'event becomes a dead letter');
    await this.#settle(
      delivery,
      { outcome: 'dead', status, reason, ...(isUntried ? { isUntried } : {}) },
      failedEvent(delivery, end, this.#teller()),
    );
  }

  /** Writes the ending down, with the event that tells of it; waits while the disk is full. */
  async #settle(delivery: Delivery, ending: Ending, result?: BrambleEvent): Promise<void> {
    const { store, clock, signal, log, measures, onResult } = this.#options;
    const nowMs = clock.nowMs();
    const publish = result === undefined ? undefined : encodeOutboxEntry(result, nowMs);
    await retry(() => store.settle(delivery.id, ending, { nowMs, ...(publish && { publish }) }), {
      ...storeBackoff,
      clock,
      signal,
      onRetry: (err) => log.warn({ delivery: delivery.id, err: messageOf(err) }, 'ending not stored yet'),
    });
    const outcome = ending.outcome === 'retry' ? 'retried' : ending.outcome;
    measures.deliveries.inc({ function_name: delivery.function, outcome });
    if (publish !== undefined) onResult(publish);
  }

  async #end(delivery: Delivery, made: Pick<Attempt, 'answer' | 'durationMs'>): Promise<Handled> {
    const { callbacks, signal } = this.#options;
    if (delivery.callbackUrl !== null) {
      await callbacks.send(callbackRequest(delivery, delivery.callbackUrl, made), signal);
    }
    return { next: 'ended' };
  }

  #teller(): Teller {
    const { newId, node, clock } = this.#options;
    return { id: newId(), node, nowMs: clock.nowMs() };
  }
}
