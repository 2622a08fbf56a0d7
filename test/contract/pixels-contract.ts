import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dark, type Pixel, type Pixels } from '../../hardware/pixels.ts';

/** The port, with `show` that may also answer later: the real one runs in another process. */
export interface PixelsUnderTest extends Pick<Pixels, 'size' | 'open' | 'close'> {
  show(pixels: readonly Pixel[]): void | Promise<void>;
}

export interface PixelsBench {
  readonly pixels: PixelsUnderTest;
  /** What is lit now. */
  shown(): readonly Pixel[] | Promise<readonly Pixel[]>;
  stop(): void | Promise<void>;
}

const red: Pixel = { red: 255, green: 0, blue: 0, brightness: 31 };
const faint: Pixel = { red: 1, green: 2, blue: 3, brightness: 1 };
const allDark = Array.from({ length: 8 }, () => dark);

/** What `Pixels` promises. */
export function pixelsContract(kind: string, open: () => PixelsBench | Promise<PixelsBench>): void {
  describe(`${kind} pixels`, () => {
    let bench: PixelsBench;
    beforeEach(async () => {
      bench = await open();
    });
    afterEach(() => bench.stop());

    it('are eight, dark once opened', async () => {
      await bench.pixels.open();
      expect(bench.pixels.size).toBe(8);
      expect(await bench.shown()).toEqual(allDark);
    });

    it('show exactly what they are given', async () => {
      await bench.pixels.open();
      const picture = Array.from({ length: 8 }, (_, i) => ({
        red: i,
        green: 255 - i,
        blue: 170,
        brightness: i,
      }));
      await bench.pixels.show(picture);
      expect(await bench.shown()).toEqual(picture);
    });

    it('are dark where nothing is given', async () => {
      await bench.pixels.open();
      await bench.pixels.show(Array.from({ length: 8 }, () => red));
      await bench.pixels.show([red, faint]);
      expect(await bench.shown()).toEqual([red, faint, ...allDark.slice(2)]);
    });

    it('go dark when closed, and light up again when opened', async () => {
      await bench.pixels.open();
      await bench.pixels.show([red]);
      await bench.pixels.close();
      expect(await bench.shown()).toEqual(allDark);
      await bench.pixels.open();
      await bench.pixels.show([faint]);
      expect(await bench.shown()).toEqual([faint, ...allDark.slice(1)]);
    });

    it('refuse to show before they are open and after they are closed', async () => {
      const show = async () => bench.pixels.show([red]);
      await expect(show()).rejects.toMatchObject({ code: 'GPIO_UNAVAILABLE' });
      await bench.pixels.open();
      await bench.pixels.close();
      await bench.pixels.close();
      await expect(show()).rejects.toMatchObject({ code: 'GPIO_UNAVAILABLE' });
    });
  });
}
