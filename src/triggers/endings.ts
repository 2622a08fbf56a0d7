import type { Store } from '../store/store.ts';
import type { Clock } from '../support/clock.ts';
import { guard } from '../support/guard.ts';
import type { Log } from '../support/log.ts';

/** Of deliveries that are dropped from a full queue, or whose function is removed, nobody tells us. */
const lookMs = 5_000;

interface Awaited {
  readonly functionName: string;
  readonly tell: Set<() => void>;
}

export interface EndingsOptions {
  readonly store: Pick<Store, 'waiting'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Tells when deliveries have come to their end: done, or among the dead letters. */
export class Endings {
  readonly #options: EndingsOptions;
  readonly #awaited = new Map<number, Awaited>();
  #stopLooking: (() => void) | undefined;

  constructor(options: EndingsOptions) {
    this.#options = options;
  }

  /** Resolves at the end of the delivery; rejects with the signal's reason when it is aborted first. */
  wait(functionName: string, deliveryId: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const awaited = this.#awaited.get(deliveryId) ?? { functionName, tell: new Set() };
      const release = () => {
        awaited.tell.delete(tell);
        signal.removeEventListener('abort', onAbort);
        if (awaited.tell.size === 0) this.#forget(deliveryId);
      };
      const tell = () => {
        release();
        resolve();
      };
      const onAbort = () => {
        release();
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      awaited.tell.add(tell);
      this.#awaited.set(deliveryId, awaited);
      this.#stopLooking ??= this.#options.clock.every(
        lookMs,
        guard(this.#options.log, () => this.#look()),
      );
    });
  }

  ended(deliveryId: number): void {
    for (const tell of [...(this.#awaited.get(deliveryId)?.tell ?? [])]) tell();
  }

  #forget(deliveryId: number): void {
    this.#awaited.delete(deliveryId);
    if (this.#awaited.size > 0) return;
    this.#stopLooking?.();
    this.#stopLooking = undefined;
  }

  async #look(): Promise<void> {
    for (const [id, { functionName }] of [...this.#awaited]) {
      const [delivery] = await this.#options.store.waiting(functionName, { afterId: id - 1, limit: 1 });
      if (delivery?.id !== id) this.ended(id);
    }
  }
}
