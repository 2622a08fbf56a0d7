import type { DeliverySettings } from '../../functions/settings.ts';
import type { Delivery, Store } from '../../store/store.ts';
import type { Clock } from '../../support/clock.ts';
import type { Log } from '../../support/log.ts';
import { backoffMs } from '../../support/retry.ts';
import { LineUp, type Place } from './line-up.ts';

/** What became of a delivery that was handled. */
export type Handled =
  | { readonly next: 'ended' }
  | { readonly next: 'again'; readonly waitMs: number }
  /** The function cannot be reached: nothing of it is tried for a while. */
  | { readonly next: 'pause' };

export interface QueueOptions {
  readonly functionName: string;
  readonly store: Pick<Store, 'waiting'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  /** As of now; `undefined` while the function is not deployed: then nothing runs. */
  readonly settings: () => DeliverySettings | undefined;
  readonly handle: (delivery: Delivery) => Promise<Handled>;
}

/** Deliveries read from disk at a time, and when there is room for more. */
const pageSize = 256;
const pageBytes = 4 * 1024 * 1024;
const refillBelow = 128;
/** So many may sleep or be blocked in memory (ids only) before reading on has to wait. */
const lineLimit = 20_000;
/** Until the next try after the store could not be read or written. */
const faultWaitMs = 5_000;
/** A due time that lies further ahead comes from a clock that was wrong when it was written. */
const longestWaitMs = 3_600_000;

/** One function's deliveries: as many at once as it allows, each in its turn, the rest on disk. */
export class FunctionQueue {
  readonly #options: QueueOptions;
  readonly #lineUp = new LineUp();
  readonly #running = new Set<Promise<void>>();
  #loadedUpTo = 0;
  #mayHaveMore = false;
  #isLoading = false;
  #isClosed = false;
  /** Ends the pause, while there is one. */
  #endPause: (() => void) | undefined;
  #failuresToReach = 0;
  #cancelTimer = () => {};

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** There may be more on disk. */
  wake(): void {
    this.#mayHaveMore = true;
    this.#pump();
  }

  /** The function changed: settings, replicas or readiness. */
  resume(): void {
    this.#endPause?.();
    this.#pump();
  }

  /** Starts nothing more; resolves when nothing runs. What is left stays on disk. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer();
    this.#endPause?.();
    await Promise.all(this.#running);
  }

  #pump(): void {
    const settings = this.#options.settings();
    if (this.#isClosed || settings === undefined) return;
    this.#lineUp.rouse(this.#options.clock.monotonicMs());
    while (this.#endPause === undefined && this.#running.size < settings.concurrency) {
      const place = this.#lineUp.take();
      if (place === undefined) break;
      const running = this.#run(place).finally(() => {
        this.#running.delete(running);
        this.#pump();
      });
      this.#running.add(running);
    }
    if (this.#mayHaveMore && this.#hasRoom && !this.#isLoading) void this.#load();
    this.#armTimer();
  }

  get #hasRoom(): boolean {
    const isPaused = this.#endPause !== undefined;
    return !isPaused && this.#lineUp.readyCount < refillBelow && this.#lineUp.size < lineLimit;
  }

  #armTimer(): void {
    const { clock } = this.#options;
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    const waitMs = this.#lineUp.nextMs - clock.monotonicMs();
    if (Number.isFinite(waitMs)) this.#cancelTimer = clock.after(waitMs, () => this.#pump());
  }

  async #load(): Promise<void> {
    const { functionName, store, clock, log } = this.#options;
    this.#isLoading = true;
    this.#mayHaveMore = false;
    try {
      const wanted = { afterId: this.#loadedUpTo, limit: pageSize, maxBytes: pageBytes };
      const page = await store.waiting(functionName, wanted);
      for (const delivery of page) {
        const waitMs = Math.min(delivery.dueMs - clock.nowMs(), longestWaitMs);
        this.#lineUp.add(delivery, { waitMs, nowMs: clock.monotonicMs() });
        this.#loadedUpTo = delivery.id;
      }
      if (page.length === pageSize || bytesOf(page) >= pageBytes) this.#mayHaveMore = true;
    } catch (err) {
      log.error({ fn: functionName, err }, 'queue cannot be read');
      this.#mayHaveMore = true;
      this.#pause(faultWaitMs);
    }
    this.#isLoading = false;
    this.#pump();
  }

  async #run(place: Place): Promise<void> {
    const { log, functionName, handle, clock } = this.#options;
    let handled: Handled;
    try {
      const delivery = this.#isFresh(place) ? place.delivery : await this.#read(place.id);
      handled = delivery === undefined ? { next: 'ended' } : await handle(delivery);
    } catch (err) {
      if (this.#isClosed) return; // interrupted: it runs again after the next start
      log.error({ fn: functionName, delivery: place.id, err }, 'delivery could not be handled');
      handled = { next: 'again', waitMs: faultWaitMs };
    }
    if (handled.next === 'pause') {
      this.#lineUp.putBack(place);
      this.#pauseForFunction();
      return;
    }
    this.#failuresToReach = 0;
    this.#endPause?.();
    if (handled.next === 'ended') this.#lineUp.leave(place);
    else this.#lineUp.sleep(place, clock.monotonicMs() + handled.waitMs);
  }

  /** The oldest of a full queue may have been dropped since it was read. */
  #isFresh({ delivery }: Place): boolean {
    return delivery !== undefined && this.#options.settings()?.queueWhenFull !== 'drop-oldest';
  }

  /** `undefined` when it has come to its end otherwise: dropped from a full queue, abandoned. */
  async #read(id: number): Promise<Delivery | undefined> {
    const { store, functionName } = this.#options;
    const [delivery] = await store.waiting(functionName, { afterId: id - 1, limit: 1 });
    return delivery?.id === id ? delivery : undefined;
  }

  #pauseForFunction(): void {
    const { settings, random } = this.#options;
    if (this.#endPause !== undefined) return; // those that ran beside it found the same
    const { minWaitMs = faultWaitMs, maxWaitMs = faultWaitMs } = settings() ?? {};
    this.#failuresToReach += 1;
    this.#pause(backoffMs(this.#failuresToReach, { minMs: minWaitMs, maxMs: maxWaitMs }, random()));
  }

  #pause(waitMs: number): void {
    if (this.#endPause !== undefined || this.#isClosed) return;
    const cancel = this.#options.clock.after(waitMs, () => {
      this.#endPause = undefined;
      this.#pump();
    });
    this.#endPause = () => {
      cancel();
      this.#endPause = undefined;
    };
  }
}

function bytesOf(page: readonly Delivery[]): number {
  return page.reduce((sum, { event }) => sum + event.data.byteLength, 0);
}
