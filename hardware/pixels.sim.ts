import { gpioUnavailable } from './gpio-fault.ts';
import { dark, type Pixel, type Pixels } from './pixels.ts';

/** A row of LEDs that remembers what it shows. */
export class SimPixels implements Pixels {
  readonly size = 8;
  readonly #watchers = new Set<(shown: readonly Pixel[]) => void>();
  #shown: readonly Pixel[] = this.#row([]);
  #isOpen = false;

  /** What is lit now. */
  get shown(): readonly Pixel[] {
    return this.#shown;
  }

  /** Calls `listener` with each new picture. Returns the function that stops it. */
  watch(listener: (shown: readonly Pixel[]) => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  async open(): Promise<void> {
    this.#isOpen = true;
    this.show([]);
  }

  show(pixels: readonly Pixel[]): void {
    if (!this.#isOpen) throw gpioUnavailable('show on the simulated LEDs', 'they are not open');
    this.#shown = this.#row(pixels);
    for (const listener of this.#watchers) listener(this.#shown);
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.show([]);
    this.#isOpen = false;
  }

  #row(pixels: readonly Pixel[]): Pixel[] {
    return Array.from({ length: this.size }, (_, i) => pixels[i] ?? dark);
  }
}
