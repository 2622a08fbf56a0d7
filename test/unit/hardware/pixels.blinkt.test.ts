import { describe, expect, it } from 'vitest';
import { SimGpio } from '../../../hardware/gpio.sim.ts';
import { BlinktPixels } from '../../../hardware/pixels.blinkt.ts';
import { pixelsContract } from '../../contract/pixels-contract.ts';
import { Apa102Decoder } from '../../support/apa102-decoder.ts';
import { colourful } from '../../support/pictures.ts';
import { recordOutputs } from '../../support/record-outputs.ts';

const dataGpio = 23;
const clockGpio = 24;

function openBench() {
  const chip = new SimGpio();
  const decoder = new Apa102Decoder();
  const gpio = recordOutputs(chip, (bcm, level) => {
    if (bcm === clockGpio && level === 1) decoder.clockRose(chip.levelOf(dataGpio));
  });
  const pixels = new BlinktPixels({ gpio, dataGpio, clockGpio });
  return { chip, decoder, pixels, shown: () => decoder.frames.at(-1) ?? [], stop: () => {} };
}

pixelsContract('Blinkt!', openBench);

describe('BlinktPixels', () => {
  it('sends one frame a picture', async () => {
    const { decoder, pixels } = openBench();
    await pixels.open();
    pixels.show(colourful);
    pixels.show([]);
    expect(decoder.frames.length).toBe(3);
  });

  it('names its pins when it cannot have them, and keeps none', async () => {
    const { chip, pixels } = openBench();
    chip.occupy(clockGpio);
    await expect(pixels.open()).rejects.toMatchObject({
      code: 'GPIO_UNAVAILABLE',
      message: expect.stringMatching(/BCM 23 \(data\) and BCM 24 \(clock\).*busy/),
    });
    expect(chip.isOpen(dataGpio)).toBe(false);
  });

  it('gives both pins back when it cannot darken them any more', async () => {
    const { chip, pixels } = openBench();
    await pixels.open();
    chip.breakLine(dataGpio);
    chip.breakLine(clockGpio);
    await expect(pixels.close()).rejects.toMatchObject({ code: 'GPIO_UNAVAILABLE' });
    expect([chip.isOpen(dataGpio), chip.isOpen(clockGpio)]).toEqual([false, false]);
  });
});
