import type { Clock } from '../../support/clock.ts';

/** Counts requests in flight and tells when there is none. */
export class InFlight {
  #count = 0;
  readonly #waiting = new Set<() => void>();

  get count(): number {
    return this.#count;
  }

  /** Returns the function that ends it, once. */
  enter(): () => void {
    this.#count += 1;
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      this.#count -= 1;
      if (this.#count === 0) for (const wake of [...this.#waiting]) wake();
    };
  }

  /** Resolves when there is none, or after `limitMs`. */
  none(clock: Clock, limitMs: number): Promise<void> {
    if (this.#count === 0 || limitMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      const cancel = clock.after(limitMs, wake);
      this.#waiting.add(wake);
    });
  }
}
