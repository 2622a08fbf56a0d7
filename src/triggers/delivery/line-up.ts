import type { Delivery } from '../../store/store.ts';

/** An event with more data is read again when its turn comes: hundreds of them do not fit into the memory of a Pi. */
const largeBytes = 16 * 1024;

/** A delivery's place in the line. What cannot run yet, or is large, keeps its id only: its event waits on disk. */
export interface Place {
  readonly id: number;
  readonly orderKey: string | null;
  readonly delivery: Delivery | undefined;
}

/**
 * The order in which a function's deliveries run: first come, first served, except that one which waits for its time
 * holds up only those with its key. Of deliveries with one key the first has to leave before the second is ready.
 */
export class LineUp {
  readonly #ready: Place[] = [];
  /** Place → monotonic time at which it is ready. */
  readonly #sleeping = new Map<Place, number>();
  /** All of one key in order of acceptance; the first is running, ready or sleeping. */
  readonly #lanes = new Map<string, Place[]>();
  #blocked = 0;
  #nextMs = Number.POSITIVE_INFINITY;

  /** In order of acceptance. `waitMs` is what is left until it is due. */
  add(delivery: Delivery, { waitMs, nowMs }: { waitMs: number; nowMs: number }): void {
    const { id, orderKey, event } = delivery;
    const lane = orderKey === null ? undefined : this.#lanes.get(orderKey);
    if (lane !== undefined) {
      lane.push({ id, orderKey, delivery: undefined });
      this.#blocked += 1;
      return;
    }
    const isKept = waitMs <= 0 && event.data.byteLength <= largeBytes;
    const place = { id, orderKey, delivery: isKept ? delivery : undefined };
    if (orderKey !== null) this.#lanes.set(orderKey, [place]);
    if (waitMs > 0) this.#lay(place, nowMs + waitMs);
    else this.#ready.push(place);
  }

  /** The next that may run; it stays first of its key until `leave`, `sleep` or `putBack`. */
  take(): Place | undefined {
    return this.#ready.shift();
  }

  /** What was taken has come to its end. */
  leave({ orderKey }: Place): void {
    if (orderKey === null) return;
    const lane = this.#lanes.get(orderKey) ?? [];
    lane.shift();
    const [next] = lane;
    if (next === undefined) {
      this.#lanes.delete(orderKey);
      return;
    }
    this.#blocked -= 1;
    this.#ready.push(next);
  }

  /** What was taken is not ready before `untilMs`. */
  sleep({ id, orderKey }: Place, untilMs: number): void {
    const place = { id, orderKey, delivery: undefined };
    const lane = orderKey === null ? undefined : this.#lanes.get(orderKey);
    if (lane !== undefined) lane[0] = place;
    this.#lay(place, untilMs);
  }

  /** What was taken could not run, and is next again. */
  putBack(place: Place): void {
    this.#ready.unshift(place);
  }

  /** Makes ready what has slept long enough. */
  rouse(nowMs: number): void {
    if (nowMs < this.#nextMs) return;
    this.#nextMs = Number.POSITIVE_INFINITY;
    for (const [place, untilMs] of this.#sleeping) {
      if (untilMs > nowMs) {
        this.#nextMs = Math.min(this.#nextMs, untilMs);
      } else {
        this.#sleeping.delete(place);
        this.#ready.push(place);
      }
    }
  }

  /** When the next sleeper is ready; infinite when nothing sleeps. */
  get nextMs(): number {
    return this.#nextMs;
  }

  get readyCount(): number {
    return this.#ready.length;
  }

  /** All but those taken. */
  get size(): number {
    return this.#ready.length + this.#sleeping.size + this.#blocked;
  }

  #lay(place: Place, untilMs: number): void {
    this.#sleeping.set(place, untilMs);
    this.#nextMs = Math.min(this.#nextMs, untilMs);
  }
}
