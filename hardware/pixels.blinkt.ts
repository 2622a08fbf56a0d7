import { messageOf } from '../src/support/errors.ts';
import { encodeFrame, sendFrame } from './apa102.ts';
import type { Gpio, OutputLine } from './gpio.ts';
import { gpioUnavailable } from './gpio-fault.ts';
import type { Pixel, Pixels } from './pixels.ts';

export interface BlinktOptions {
  readonly gpio: Pick<Gpio, 'openOutput'>;
  /** BCM numbers. */
  readonly dataGpio: number;
  readonly clockGpio: number;
}

interface Lines {
  readonly data: OutputLine;
  readonly clock: OutputLine;
}

/** Pimoroni's Blinkt!: eight APA102 LEDs, bit-banged. A frame holds the event loop for 3 ms on a Pi 4, 34 ms on a Zero. */
export class BlinktPixels implements Pixels {
  readonly size = 8;
  readonly #options: BlinktOptions;
  #lines: Lines | undefined;

  constructor(options: BlinktOptions) {
    this.#options = options;
  }

  /** Also darkens what a killed program left lit. */
  async open(): Promise<void> {
    if (this.#lines !== undefined) return;
    this.#lines = await this.#openLines();
    try {
      this.show([]);
    } catch (err) {
      await this.close().catch(() => {}); // the reason why it cannot be used is the one to report
      throw err;
    }
  }

  show(pixels: readonly Pixel[]): void {
    const lines = this.#lines;
    if (lines === undefined) throw this.#unavailable('it is not open');
    sendFrame(
      encodeFrame(pixels, this.size),
      (level) => lines.data.write(level),
      (level) => lines.clock.write(level),
    );
  }

  async close(): Promise<void> {
    const lines = this.#lines;
    if (lines === undefined) return;
    try {
      this.show([]);
    } finally {
      this.#lines = undefined;
      await Promise.all([lines.data.close(), lines.clock.close()]);
    }
  }

  async #openLines(): Promise<Lines> {
    const { gpio, dataGpio, clockGpio } = this.#options;
    let data: OutputLine | undefined;
    try {
      data = await gpio.openOutput(dataGpio);
      return { data, clock: await gpio.openOutput(clockGpio) };
    } catch (cause) {
      await data?.close();
      throw this.#unavailable(messageOf(cause), cause);
    }
  }

  #unavailable(reason: string, cause?: unknown): Error {
    const { dataGpio, clockGpio } = this.#options;
    return gpioUnavailable(
      `use the Blinkt! on BCM ${dataGpio} (data) and BCM ${clockGpio} (clock)`,
      reason,
      cause,
    );
  }
}
