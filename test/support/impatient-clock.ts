import { systemClock } from '../../src/support/clock.system.ts';
import type { Clock } from '../../src/support/clock.ts';

/** Time that passes as soon as somebody waits for it. */
export class ImpatientClock implements Clock {
  #elapsedMs = 0;

  nowMs(): number {
    return systemClock.nowMs();
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const handle = setImmediate(() => {
      this.#elapsedMs += delayMs;
      run();
    });
    return () => clearImmediate(handle);
  }

  every(): () => void {
    throw new TypeError('nobody is told the time here');
  }
}
