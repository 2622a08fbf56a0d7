import type { Pixel, Pixels } from '../../hardware/pixels.ts';
import { type Clock, sleep } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import { backoffMs } from '../support/retry.ts';

const reopenBackoff = { minMs: 1_000, maxMs: 60_000 };

export interface PixelRowOptions {
  readonly pixels: Pixels;
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1): spreads the attempts to open. */
  readonly random?: () => number;
}

/**
 * Pixels that may be gone: opens them, shows the newest frame, and when the lines fail opens them again with growing
 * waits. A fault is logged once until it is over.
 */
export class PixelRow {
  readonly #options: PixelRowOptions;
  readonly #stopping = new AbortController();
  #frame: readonly Pixel[] = [];
  #isOpen = false;
  #hasFault = false;
  #opening: Promise<void> = Promise.resolve();

  constructor(options: PixelRowOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#options.pixels.size;
  }

  /** Returns at once; frames are shown as soon as the pixels are there. */
  start(): void {
    this.#opening = this.#open();
  }

  /** Dark, and given back. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#opening;
    if (this.#isOpen) await this.#options.pixels.close();
    this.#isOpen = false;
  }

  show(frame: readonly Pixel[]): void {
    this.#frame = frame;
    if (!this.#isOpen) return;
    try {
      this.#options.pixels.show(frame);
    } catch (err) {
      this.#report(err);
      this.#isOpen = false;
      this.#opening = this.#open();
    }
  }

  async #open(): Promise<void> {
    const { pixels, clock, log, random = Math.random } = this.#options;
    const { signal } = this.#stopping;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await this.#giveBack();
        await pixels.open();
        pixels.show(this.#frame);
        this.#isOpen = true;
        if (this.#hasFault) log.info({}, 'pixels work again');
        this.#hasFault = false;
        return;
      } catch (err) {
        this.#report(err);
        await sleep(clock, backoffMs(attempt, reopenBackoff, random()), signal).catch(() => {});
      }
    }
    await this.#giveBack();
  }

  /** Closes what a fault has left open; that it cannot be darkened is no news then. */
  async #giveBack(): Promise<void> {
    await this.#options.pixels.close().catch(() => {});
  }

  #report(err: unknown): void {
    if (this.#hasFault) return;
    this.#hasFault = true;
    this.#options.log.warn({ err: messageOf(err) }, 'pixels do not work, trying again');
  }
}
