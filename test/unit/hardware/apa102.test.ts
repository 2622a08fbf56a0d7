import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countWrites, encodeFrame, sendFrame } from '../../../hardware/apa102.ts';
import type { Level } from '../../../hardware/gpio.ts';
import { dark, type Pixel } from '../../../hardware/pixels.ts';
import { Apa102Decoder } from '../../support/apa102-decoder.ts';
import { bitsOfFrame, colourful } from '../../support/pictures.ts';

const byte = fc.integer({ min: 0, max: 255 });
const pixel = fc.record({ red: byte, green: byte, blue: byte, brightness: fc.integer({ min: 0, max: 31 }) });
const picture = fc.array(pixel, { minLength: 8, maxLength: 8 });

/** Sends a frame to a decoder; counts the writes. */
function send(pixels: readonly Pixel[], decoder = new Apa102Decoder()) {
  let data: Level = 0;
  let writes = 0;
  const writeData = (level: Level) => {
    writes += 1;
    data = level;
  };
  const writeClock = (level: Level) => {
    writes += 1;
    if (level === 1) decoder.clockRose(data);
  };
  sendFrame(encodeFrame(pixels, 8), writeData, writeClock);
  return { writes, data, decoder };
}

describe('an APA102 frame', () => {
  it('is 32 zeros, eight words of brightness, blue, green and red, and 36 zeros', () => {
    expect(encodeFrame(colourful, 8).join('')).toBe(bitsOfFrame(colourful));
  });

  it('shows every picture as it is, whatever was shown before', () => {
    fc.assert(
      fc.property(picture, picture, (first, second) => {
        const decoder = new Apa102Decoder();
        send(first, decoder);
        send(second, decoder);
        expect(decoder.frames).toEqual([first, second]);
      }),
    );
  });

  it('darkens pixels that are missing and leaves out those that are too many', () => {
    expect(send([]).decoder.frames).toEqual([Array.from({ length: 8 }, () => dark)]);
    expect(send([...colourful, ...colourful]).decoder.frames).toEqual([colourful]);
  });

  it('costs as many line writes as counted, 650 to 888, and leaves DATA low', () => {
    fc.assert(
      fc.property(picture, (pixels) => {
        const { writes, data } = send(pixels);
        expect(writes).toBe(countWrites(encodeFrame(pixels, 8)));
        expect(writes).toBeGreaterThanOrEqual(650);
        expect(writes).toBeLessThanOrEqual(888);
        expect(data).toBe(0);
      }),
    );
  });

  it.each([
    {
      name: 'white at full brightness',
      pixels: repeat({ red: 255, green: 255, blue: 255, brightness: 31 }),
      writes: 650,
    },
    { name: 'dark', pixels: repeat(dark), writes: 664 },
    {
      name: 'alternating bits',
      pixels: repeat({ red: 170, green: 170, blue: 170, brightness: 10 }),
      writes: 888,
    },
  ])('costs $writes line writes when $name', ({ pixels, writes }) => {
    expect(send(pixels).writes).toBe(writes);
  });

  it.each([
    { ...dark, red: 256 },
    { ...dark, green: -1 },
    { ...dark, blue: 0.5 },
    { ...dark, brightness: 32 },
    { ...dark, brightness: Number.NaN },
  ])('is refused for %o', (wrong) => {
    expect(() => encodeFrame([wrong], 8)).toThrow(TypeError);
  });
});

function repeat(one: Pixel): Pixel[] {
  return Array.from({ length: 8 }, () => one);
}
