import { describe, expect, it } from 'vitest';
import { SimPixels } from '../../../hardware/pixels.sim.ts';
import type { Pixel } from '../../../hardware/pixels.ts';
import { pixelsContract } from '../../contract/pixels-contract.ts';
import { colourful } from '../../support/pictures.ts';

pixelsContract('simulated', () => {
  const pixels = new SimPixels();
  return { pixels, shown: () => pixels.shown, stop: () => {} };
});

describe('SimPixels', () => {
  it('tells its watchers each new picture until they stop', async () => {
    const pixels = new SimPixels();
    await pixels.open();
    const pictures: (readonly Pixel[])[] = [];
    const unwatch = pixels.watch((shown) => pictures.push(shown));
    pixels.show(colourful);
    unwatch();
    pixels.show([]);
    expect(pictures).toEqual([colourful]);
  });
});
