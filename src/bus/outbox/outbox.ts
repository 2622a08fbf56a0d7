import { type Static, Type } from 'typebox';
import { encodeEvent, toRestoredState } from '../../events/codec.ts';
import type { BrambleEvent } from '../../events/event.ts';
import { topics } from '../../events/topics.ts';
import type { Service } from '../../lifecycle/service.ts';
import type { OutboxEntry, Store } from '../../store/store.ts';
import type { Clock } from '../../support/clock.ts';
import { toBrambleError } from '../../support/errors.ts';
import type { Log } from '../../support/log.ts';
import type { Metrics } from '../../support/metrics.ts';
import { backoffMs } from '../../support/retry.ts';
import { check } from '../../support/schema.ts';
import type { Bus, Incoming } from '../bus.ts';
import { createOutboxMeasures, type OutboxMeasures } from './outbox-measures.ts';
import { ReceiptWindow } from './receipt-window.ts';

export interface OutboxOptions {
  readonly store: Pick<Store, 'putOutbox' | 'outbox' | 'removeOutbox' | 'countOutbox' | 'sweep'>;
  readonly bus: Pick<Bus, 'publish' | 'subscribe' | 'onState'>;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** An entry without receipt is published again after about this time. */
  readonly receiptTimeoutMs: number;
  /** The oldest entries beyond it are given up, and counted. */
  readonly maxOutbox: number;
  readonly random?: () => number;
}

/** Entries on their way at once: published, not yet confirmed. It is also the pace of catching up after an outage. */
const windowSize = 200;
const chunkSize = 100;
/** Repeats are at least so frequent: an accepting agent that comes back is served within this time. */
const longestWaitMs = 120_000;
const housekeepingMs = 5_000;

const Receipt = Type.Object({ ids: Type.Array(Type.String(), { maxItems: 10_000 }) });

/** One connection to the broker, from online to offline. */
type Link = symbol;

/**
 * Events of this node on their way out: on disk first, then published in order at QoS 1, and kept until a receipt
 * says that an agent has them on its disk. A broker that forgets what it acknowledged loses nothing.
 *
 * New entries go out as soon as they are stored. After an outage everything unconfirmed is published from the oldest
 * on, and new entries wait their turn. What then stays without receipt is published again, beside the new ones.
 */
export class Outbox implements Service {
  readonly name = 'outbox';
  readonly #options: OutboxOptions;
  readonly #measures: OutboxMeasures;
  readonly #window = new ReceiptWindow(windowSize);
  #link: Link | undefined;
  /** Up to this position everything on disk was published over the present connection. */
  #frontier = 0;
  /** Nothing on disk waits for its first publication over the present connection. */
  #isCaughtUp = false;
  /** `offer` left an entry to be read from disk. */
  #hasMissed = false;
  /** Read from disk, not sent yet, not confirmed meanwhile. */
  #upcoming = new Set<string>();
  #hasOverdue = false;
  #repeatsSinceReceipt = 0;
  #nextRepeatMs = 0;
  /** Of each topic that holds a state: its newest entry, and the id of the one sent last over the present connection. */
  readonly #newest = new Map<string, OutboxEntry>();
  readonly #sentLast = new Map<string, string>();
  #isWorking = false;
  #worked: Promise<void> = Promise.resolve();
  #release: (() => unknown)[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#measures = createOutboxMeasures(options.metrics);
  }

  async start(): Promise<void> {
    const { bus, clock, node, receiptTimeoutMs } = this.#options;
    await this.#keepHouse();
    this.#release = [
      await bus.subscribe(topics.receipts(node), (message) => this.#confirm(message)),
      clock.every(Math.min(1_000, receiptTimeoutMs / 2), () => this.#giveUpWaiting()),
      clock.every(housekeepingMs, () => void this.#keepHouse()),
      bus.onState((state) => this.#relink(state === 'online' ? Symbol('link') : undefined)),
    ];
  }

  async stop(): Promise<void> {
    for (const release of this.#release.splice(0).reverse()) await release();
    this.#relink(undefined);
    await this.#worked;
  }

  /** Resolves when the event is on disk; sends it then without making the caller wait. Rejects as the store does. */
  async publish(event: BrambleEvent): Promise<void> {
    const entry = encodeOutboxEntry(event, this.#options.clock.nowMs());
    await this.#options.store.putOutbox(entry);
    this.offer(entry);
  }

  /** To be called with each entry that was stored in another way (`Store.settle`), in that order: sends it at once. */
  offer(entry: OutboxEntry): void {
    if (entry.retain) this.#newest.set(entry.topic, entry);
    if (this.#link !== undefined && this.#isCaughtUp && this.#window.hasRoom) {
      this.#send(entry);
    } else {
      this.#hasMissed = true;
      this.#isCaughtUp = false;
      this.#work();
    }
  }

  #relink(link: Link | undefined): void {
    this.#link = link;
    this.#frontier = 0;
    this.#isCaughtUp = false;
    this.#hasOverdue = false;
    this.#window.clear();
    this.#sentLast.clear();
    this.#work();
  }

  /** Sends from disk what is to be sent, unless that is being done already. */
  #work(): void {
    if (this.#isWorking || this.#link === undefined) return;
    this.#isWorking = true;
    this.#worked = this.#sendFromDisk();
  }

  async #sendFromDisk(): Promise<void> {
    try {
      while (this.#link !== undefined) {
        if (!this.#isCaughtUp) await this.#catchUp(this.#link);
        else if (this.#isRepeatDue) await this.#repeat(this.#link);
        else return;
      }
    } catch (err) {
      this.#options.log.error({ err }, 'outbox could not be read, trying again');
    } finally {
      this.#isWorking = false;
    }
  }

  async #catchUp(link: Link): Promise<void> {
    let position: number | undefined;
    do {
      this.#hasMissed = false;
      position = await this.#sendChunk(this.#frontier, () => link === this.#link);
      if (link !== this.#link) return;
      this.#frontier = position ?? this.#frontier;
    } while (position !== undefined || this.#hasMissed);
    this.#isCaughtUp = true;
    this.#restoreStates();
  }

  get #isRepeatDue(): boolean {
    return this.#hasOverdue && this.#options.clock.monotonicMs() >= this.#nextRepeatMs;
  }

  /** Publishes again whatever has no receipt. New entries come first, so it ends early when there are any to read. */
  async #repeat(link: Link): Promise<void> {
    const { clock, receiptTimeoutMs, random = Math.random } = this.#options;
    this.#hasOverdue = false;
    this.#repeatsSinceReceipt += 1;
    const waits = { minMs: receiptTimeoutMs, maxMs: Math.max(receiptTimeoutMs, longestWaitMs) };
    this.#nextRepeatMs = clock.monotonicMs() + backoffMs(this.#repeatsSinceReceipt, waits, random());
    const isWanted = () => link === this.#link && this.#isCaughtUp;
    let position: number | undefined = 0;
    while (position !== undefined)
      position = await this.#sendChunk(position, isWanted, () => this.#measures.republished.inc());
    if (!isWanted()) this.#hasOverdue = true;
    else this.#restoreStates();
  }

  /**
   * Publishes the next entries behind `position` that are not on their way already, as fast as receipts make room.
   * Resolves to the position of the last one; to `undefined` when there are no more or they are not wanted any more.
   */
  async #sendChunk(
    position: number,
    isWanted: () => boolean,
    onSent = () => {},
  ): Promise<number | undefined> {
    const chunk = await this.#options.store.outbox({ limit: chunkSize, afterPosition: position });
    this.#upcoming = new Set(chunk.map(({ id }) => id));
    for (const entry of chunk) {
      if (this.#window.has(entry.id)) continue;
      await this.#window.room();
      if (!isWanted()) return undefined;
      if (!this.#upcoming.has(entry.id)) continue;
      this.#send(entry);
      onSent();
    }
    return chunk.at(-1)?.position;
  }

  #send(entry: OutboxEntry): void {
    if (this.#window.has(entry.id)) return;
    this.#window.add(entry.id, this.#options.clock.monotonicMs());
    this.#transmit(entry);
  }

  #transmit(entry: OutboxEntry): void {
    const { bus, log } = this.#options;
    const { topic, payload, retain, contentType, properties } = entry;
    if (retain) this.#sentLast.set(topic, entry.id);
    this.#measures.published.inc();
    bus.publish({ topic, payload, qos: 1, retain, contentType, properties }).catch((err) => {
      // Without a connection all is published again at the next one; anything else waits for its repetition.
      if (toBrambleError(err).code === 'BUS_OFFLINE') return;
      log.warn({ err, topic, id: entry.id }, 'event could not be published, trying again later');
    });
  }

  /**
   * Shows the newest state of each topic again: where an old entry was published late and would stand for it, and with
   * a new connection, since the broker may have lost it. As a state only, for the event has gone out already.
   */
  #restoreStates(): void {
    for (const [topic, entry] of this.#newest)
      if (this.#sentLast.get(topic) !== entry.id)
        this.#transmit({ ...entry, payload: toRestoredState(entry.payload) });
  }

  async #confirm({ topic, payload }: Incoming): Promise<void> {
    const { store, log } = this.#options;
    try {
      const { ids } = decodeReceipt(payload);
      for (const id of ids) {
        this.#window.remove(id);
        this.#upcoming.delete(id);
      }
      this.#repeatsSinceReceipt = 0;
      this.#nextRepeatMs = 0;
      this.#measures.receipts.inc(ids.length);
      await store.removeOutbox(ids);
    } catch (err) {
      this.#hasOverdue = true;
      log.warn({ err, topic }, 'receipt could not be used, the events will be published again');
    }
  }

  #giveUpWaiting(): void {
    const { clock, receiptTimeoutMs } = this.#options;
    if (this.#window.removeSentBy(clock.monotonicMs() - receiptTimeoutMs)) this.#hasOverdue = true;
    this.#work();
  }

  async #keepHouse(): Promise<void> {
    const { store, clock, log, maxOutbox } = this.#options;
    try {
      const { outbox: dropped } = await store.sweep({ nowMs: clock.nowMs(), maxOutbox });
      if (dropped > 0) {
        this.#measures.dropped.inc(dropped);
        log.error({ dropped, maxOutbox }, 'outbox over its bound, oldest events given up');
      }
      this.#measures.entries.set(await store.countOutbox());
    } catch (err) {
      log.warn({ err }, 'outbox could not be swept, trying again');
    }
  }
}

/** What `Store.putOutbox` and `Store.settle` take to publish an event. */
export function encodeOutboxEntry(event: BrambleEvent, nowMs: number): OutboxEntry {
  return { id: event.id, ...encodeEvent(event), storedMs: nowMs };
}

function decodeReceipt(payload: Uint8Array): Static<typeof Receipt> {
  return check(Receipt, JSON.parse(Buffer.from(payload).toString()), { what: 'receipt' });
}
