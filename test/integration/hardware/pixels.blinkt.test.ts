import { afterEach, describe, expect, it } from 'vitest';
import { dark } from '../../../hardware/pixels.ts';
import { pixelsContract } from '../../contract/pixels-contract.ts';
import { startPins, whyNoPins } from '../../support/in-private-sysfs.ts';
import { bitsOfFrame, colourful } from '../../support/pictures.ts';
import { startRemoteGpio } from '../../support/remote-gpio.ts';

const reason = whyNoPins();
const note = reason === undefined ? '' : ` (skipped: ${reason})`;

async function openBench() {
  const pins = await startPins();
  const remote = startRemoteGpio(pins);
  return {
    pins,
    pixels: remote.pixels,
    shown: async () => (await pins.frames()).at(-1) ?? [],
    stop: async () => {
      await remote.kill();
      await pins.stop();
    },
  };
}

describe.skipIf(reason !== undefined)(`a Blinkt! on an emulated chip${note}`, () => {
  pixelsContract('Blinkt! over onoff', openBench);

  let bench: Awaited<ReturnType<typeof openBench>> | undefined;
  afterEach(() => bench?.stop());

  it('gets each frame bit by bit as the datasheet has it, and each picture once', async () => {
    bench = await openBench();
    const { pins, pixels } = bench;
    await pixels.open();
    await pixels.show(colourful);
    await pixels.close();
    const allDark = Array.from({ length: 8 }, () => dark);
    expect(await pins.takeBits()).toBe([allDark, colourful, allDark].map(bitsOfFrame).join(''));
    expect(await pins.frames()).toEqual([allDark, colourful, allDark]);
  });

  it('gives the first pin back when the second is held by another program', async () => {
    bench = await openBench();
    const { pins, pixels } = bench;
    await pins.occupy(24);
    await expect(pixels.open()).rejects.toThrow(/BCM 23 \(data\) and BCM 24 \(clock\).*EBUSY/);
    expect((await pins.pin(23)).isExported).toBe(false);
  });

  it('reports pins that die, and takes them anew once they work', async () => {
    bench = await openBench();
    const { pins, pixels, shown } = bench;
    await pixels.open();
    await pins.breakLine(24);
    await expect((async () => pixels.show(colourful))()).rejects.toMatchObject({ code: 'GPIO_UNAVAILABLE' });
    await expect(pixels.close()).rejects.toMatchObject({ code: 'GPIO_UNAVAILABLE' });
    await pins.repairLine(24);
    await pixels.open();
    await pixels.show(colourful);
    expect(await shown()).toEqual(colourful);
  });
});
