import { setMaxListeners } from 'node:events';
import type { Bus, Incoming } from '../bus/bus.ts';
import { isRestoredState, toEnvelope } from '../events/codec.ts';
import { type Envelope, maxHops } from '../events/event.ts';
import { filters, isInternal, matches, nodeOf } from '../events/topics.ts';
import type { Catalogue } from '../functions/catalogue.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Clock } from '../support/clock.ts';
import { BrambleError, messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import { retry } from '../support/retry.ts';
import type { Acceptor } from './acceptor.ts';
import type { Measures } from './measures.ts';
import { Receipts } from './receipts.ts';
import { buildTable, type TriggerTable } from './table.ts';
import type { AcceptedEvent, UntilHandled } from './until-handled.ts';

/** The agents of a cluster share their subscriptions: each message goes to one of them. */
const group = 'bramble';
/** Waits between attempts to store an event while the disk is full. */
const storeBackoff = { minMs: 250, maxMs: 10_000 };

export interface EventTriggerOptions {
  readonly bus: Pick<Bus, 'subscribe' | 'publish'>;
  readonly catalogue: Pick<Catalogue, 'entries' | 'onChange'>;
  readonly acceptor: Pick<Acceptor, 'accept'>;
  readonly untilHandled: Pick<UntilHandled, 'wait'>;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Log;
  readonly measures: Measures;
}

/**
 * Takes events from the bus. A message is acknowledged when it is on disk together with its fan-out, or when no
 * function asked for it; while the disk is full it stays with the broker. Where a function asks for that, it stays there
 * until it is handled (`bramble.acknowledge`). Its sender gets a receipt in any case when it is on disk: the broker has
 * it too, and the sender need not send it again.
 */
export class EventTrigger implements Service {
  readonly name = 'event trigger';
  readonly #options: EventTriggerOptions;
  readonly #receipts: Receipts;
  readonly #subscribed = new Map<string, () => Promise<void>>();
  readonly #taking = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #table: TriggerTable = buildTable([]);
  #syncing: Promise<void> = Promise.resolve();
  #unwatch = () => {};

  constructor(options: EventTriggerOptions) {
    this.#options = options;
    setMaxListeners(0, this.#stopping.signal); // every event that waits for room on the disk listens to it
    this.#receipts = new Receipts(options);
  }

  async start(): Promise<void> {
    const { catalogue } = this.#options;
    this.#unwatch = catalogue.onChange(() => {
      this.#table = buildTable(catalogue.entries());
      void this.#sync();
    });
    this.#table = buildTable(catalogue.entries());
    await this.#sync();
  }

  /**
   * Takes no more events, and finishes what it took. The subscriptions stay: the broker keeps what comes meanwhile for
   * the next start.
   */
  async stop(): Promise<void> {
    this.#unwatch();
    this.#stopping.abort(new BrambleError('CANCELLED', 'the agent is stopping; the broker keeps the event'));
    await this.#syncing;
    await Promise.allSettled(this.#taking);
    await this.#receipts.flush();
  }

  #sync(): Promise<void> {
    this.#syncing = this.#syncing.then(() => this.#resubscribe());
    return this.#syncing;
  }

  /**
   * New subscriptions come before old ones go: in between a message may come twice, but none is missed. A filter that
   * the broker refuses costs only those who want it, and is tried again with the next change. Never rejects.
   */
  async #resubscribe(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const { bus, log } = this.#options;
    const wanted = this.#table.subscriptions;
    for (const filter of wanted.filter((one) => !this.#subscribed.has(one))) {
      try {
        const handle = (message: Incoming) => this.#track(this.#take(message));
        this.#subscribed.set(filter, await bus.subscribe(filter, handle, { group }));
      } catch (err) {
        log.error({ filter, err: messageOf(err) }, 'topics cannot be subscribed to: they trigger nothing');
      }
    }
    for (const [filter, unsubscribe] of this.#subscribed) {
      if (wanted.includes(filter)) continue;
      this.#subscribed.delete(filter);
      await unsubscribe().catch((err: unknown) =>
        log.warn({ filter, err: messageOf(err) }, 'topics are still subscribed to'),
      );
    }
  }

  #track(taking: Promise<void>): Promise<void> {
    const tracked = taking.finally(() => this.#taking.delete(tracked));
    this.#taking.add(tracked);
    return tracked;
  }

  /** Resolves when the message may be acknowledged; rejects when the broker shall keep it. */
  async #take(message: Incoming): Promise<void> {
    this.#stopping.signal.throwIfAborted();
    // A retained message is an old state. What agents tell each other about events would trigger without an end.
    if (message.retain || isRestoredState(message) || isInternal(message.topic)) return;
    const { clock, newId } = this.#options;
    const time = new Date(clock.nowMs()).toISOString();
    const event = toEnvelope(message, { id: newId(), time });
    const accepted = await this.#accept(event);
    if (matches(filters.everyEvent, event.topic)) this.#receipts.add(nodeOf(event.topic), event.id);
    if (accepted !== undefined) await this.#options.untilHandled.wait(accepted, this.#stopping.signal);
  }

  async #accept(event: Envelope): Promise<AcceptedEvent | undefined> {
    const { acceptor, clock, log, measures } = this.#options;
    const wanting = this.#table.functionsFor(event.topic);
    if (wanting.length === 0) {
      measures.events.inc({ outcome: 'unwanted' });
      return undefined;
    }
    if (event.hops > maxHops) {
      measures.events.inc({ outcome: 'looping' });
      log.warn(
        { topic: event.topic, event: event.id, hops: event.hops },
        'event dropped: functions trigger in a loop',
      );
      return undefined;
    }
    const acceptance = await retry(() => acceptor.accept(event, wanting), {
      ...storeBackoff,
      clock,
      signal: this.#stopping.signal,
      onRetry: (err, attempt, waitMs) => {
        measures.acceptRetries.inc();
        log.warn({ event: event.id, attempt, waitMs, err: messageOf(err) }, 'event not stored yet');
      },
    });
    return { eventId: event.id, wanting, acceptance };
  }
}
