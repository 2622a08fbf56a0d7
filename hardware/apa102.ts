import type { Level } from './gpio.ts';
import { dark, type Pixel } from './pixels.ts';

/**
 * APA102 LEDs on two lines, as their datasheet has it: a bit is read when the clock rises, most significant first; a
 * frame is 32 zeros, one word of 32 bits an LED, and zeros that clock the words through to the last LED.
 * https://cdn-shop.adafruit.com/product-files/2343/APA102C.pdf
 */
const startClocks = 32;
/** The datasheet's n/2 is too few for the APA102 variant on some Blinkt! boards, which needs 36. */
const endClocks = 36;
const headerBits = 0xe0;

/** The level of DATA at each clock pulse of the frame that shows `pixels` on a row of `size`; missing ones are dark. */
export function encodeFrame(pixels: readonly Pixel[], size: number): Level[] {
  const words = Array.from({ length: size }, (_, i) => wordBits(pixels[i] ?? dark));
  return [...zeros(startClocks), ...words.flat(), ...zeros(endClocks)];
}

/** Sends a frame. DATA is low before and after, and written only where it changes: each write is a system call. */
export function sendFrame(
  bits: readonly Level[],
  writeData: (level: Level) => void,
  writeClock: (level: Level) => void,
): void {
  let data: Level = 0;
  for (const bit of bits) {
    if (bit !== data) writeData(bit);
    data = bit;
    writeClock(1);
    writeClock(0);
  }
}

/** How many line writes `sendFrame` makes: 650 to 888 for eight pixels. */
export function countWrites(bits: readonly Level[]): number {
  const changes = bits.filter((bit, i) => bit !== (bits[i - 1] ?? 0)).length;
  return 2 * bits.length + changes;
}

function wordBits(pixel: Pixel): Level[] {
  requireRange(pixel);
  const { brightness, blue, green, red } = pixel;
  return [headerBits | brightness, blue, green, red].flatMap(byteBits);
}

function byteBits(byte: number): Level[] {
  return Array.from({ length: 8 }, (_, i) => (byte & (0x80 >> i) ? 1 : 0));
}

function zeros(count: number): Level[] {
  return Array.from({ length: count }, () => 0);
}

function requireRange({ red, green, blue, brightness }: Pixel): void {
  const fits = (value: number, max: number) => Number.isInteger(value) && value >= 0 && value <= max;
  if (fits(red, 255) && fits(green, 255) && fits(blue, 255) && fits(brightness, 31)) return;
  throw new TypeError(
    `a pixel has colours of 0 to 255 and a brightness of 0 to 31, not ${JSON.stringify({ red, green, blue, brightness })}`,
  );
}
