import type { Pixel } from '../../hardware/pixels.ts';

/**
 * A row of APA102 LEDs as its datasheet describes it, written apart from the code that drives it: takes the level of
 * DATA at each rising CLOCK and keeps the pictures that have arrived at the last LED.
 */
export class Apa102Decoder {
  readonly #size: number;
  readonly #frames: Pixel[][] = [];
  #bits = '';
  #phase: 'start' | 'words' | 'end' = 'start';
  #zeros = 0;
  #word = '';
  #pixels: Pixel[] = [];

  constructor(size = 8) {
    this.#size = size;
  }

  get frames(): readonly (readonly Pixel[])[] {
    return this.#frames;
  }

  /** All bits since the last call. */
  takeBits(): string {
    const bits = this.#bits;
    this.#bits = '';
    return bits;
  }

  clockRose(data: 0 | 1): void {
    this.#bits += data;
    if (this.#phase === 'start' && data === 1) this.#beginWords();
    if (this.#phase === 'words') this.#takeWordBit(data);
    else if (data === 0) this.#takeZero();
    else this.#zeros = 0;
  }

  /** A one ends the start frame, which has at least 32 zeros. */
  #beginWords(): void {
    if (this.#zeros < 32) return;
    this.#phase = 'words';
    this.#word = '';
    this.#pixels = [];
  }

  #takeWordBit(data: 0 | 1): void {
    this.#word += data;
    if (this.#word.length < 32) return;
    const match = /^111([01]{5})([01]{8})([01]{8})([01]{8})$/.exec(this.#word);
    const [brightness, blue, green, red] = (match ?? []).slice(1).map((bits) => Number.parseInt(bits, 2));
    this.#word = '';
    if (brightness === undefined || blue === undefined || green === undefined || red === undefined) {
      this.#begin('start');
      return;
    }
    this.#pixels.push({ red, green, blue, brightness });
    if (this.#pixels.length === this.#size) this.#begin('end');
  }

  /** The variant of the chip that is slowest to pass data on has a picture complete after 36 further clocks. */
  #takeZero(): void {
    this.#zeros += 1;
    if (this.#phase !== 'end' || this.#zeros < 36) return;
    this.#frames.push(this.#pixels);
    this.#begin('start');
  }

  #begin(phase: 'start' | 'end'): void {
    this.#phase = phase;
    this.#zeros = 0;
  }
}
