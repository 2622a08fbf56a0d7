import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Level } from '../../../hardware/gpio.ts';
import { gpioContract } from '../../contract/gpio-contract.ts';
import { type Pins, type PinsOptions, startPins, whyNoPins } from '../../support/in-private-sysfs.ts';
import { type RemoteGpio, startRemoteGpio } from '../../support/remote-gpio.ts';

/** The other process has to be heard; on a busy machine that takes its time. */
const patience = { timeout: 10_000, interval: 1 };
const reason = whyNoPins();
const note = reason === undefined ? '' : ` (skipped: ${reason})`;

describe.skipIf(reason !== undefined)(`onoff on an emulated chip${note}`, () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const openPins = async (options?: PinsOptions): Promise<Pins> => {
    const pins = await startPins(options);
    cleanups.push(() => pins.stop());
    return pins;
  };
  const openRemote = (pins: Pins, env?: Record<string, string>): RemoteGpio => {
    const remote = startRemoteGpio(pins, env);
    cleanups.push(() => remote.kill());
    return remote;
  };

  gpioContract('sysfs', async () => {
    const pins = await startPins();
    const remote = startRemoteGpio(pins);
    return {
      gpio: remote.gpio,
      setLevel: (bcm, level) => pins.setLevel(bcm, level),
      levelOf: async (bcm) => (await pins.pin(bcm)).level,
      occupy: (bcm) => pins.occupy(bcm),
      breakLine: (bcm) => pins.breakLine(bcm),
      repairLine: (bcm) => pins.repairLine(bcm),
      stop: async () => {
        await remote.kill();
        await pins.stop();
      },
    };
  });

  it.each([
    { base: 0, ngpio: 54, label: 'pinctrl-bcm2835' },
    { base: 512, ngpio: 58, label: 'pinctrl-bcm2711' },
    { base: 571, ngpio: 54, label: 'pinctrl-rp1' },
    { base: 42, ngpio: 40, label: 'a chip that nobody has heard of' },
  ])('finds BCM 17 behind $label at line $base', async (options) => {
    const pins = await openPins(options);
    const line = await openRemote(pins).gpio.openInput(17);
    await pins.setLevel(17, 1);
    expect(await line.read()).toBe(1);
  });

  it('finds it where it is told, and says so when nothing is there', async () => {
    const pins = await openPins({ base: 512, label: 'unheard', ngpio: 18 });
    const { gpio } = openRemote(pins, { GPIO_BASE: '512' });
    await gpio.openInput(17);
    const lost = openRemote(pins, { GPIO_BASE: '500' });
    await expect(lost.gpio.openInput(17)).rejects.toThrow('none starts at line 500');
  });

  it('lists the chips when none will do', async () => {
    const pins = await openPins({ base: 570, label: 'raspberrypi-exp-gpio', ngpio: 8 });
    const opening = openRemote(pins).gpio.openInput(17);
    await expect(opening).rejects.toMatchObject({
      code: 'GPIO_UNAVAILABLE',
      message: expect.stringMatching(
        /BCM 17.*gpiochip570 raspberrypi-exp-gpio with lines 570 to 577.*hardware\.gpioBase/,
      ),
    });
  });

  it('sees every one of a hundred edges', async () => {
    const pins = await openPins();
    const line = await openRemote(pins).gpio.openInput(17);
    const levels: Level[] = [];
    await line.watch(
      (level) => levels.push(level),
      (err) => {
        throw err;
      },
    );
    for (let edge = 1; edge <= 100; edge += 1) {
      await pins.setLevel(17, edge % 2 === 1 ? 1 : 0);
      await vi.waitUntil(() => levels.length >= edge, patience);
    }
    expect(levels).toEqual(Array.from({ length: 100 }, (_, i) => 1 - (i % 2)));
  });

  it('takes over the pins of a program that was killed', async () => {
    const pins = await openPins();
    const killed = openRemote(pins);
    await killed.gpio.openInput(17, { activeLow: true });
    await killed.gpio.openOutput(23);
    await killed.kill();
    expect((await pins.pin(17)).isExported).toBe(true);
    const { gpio } = openRemote(pins);
    const output = await gpio.openOutput(17);
    await output.write(1);
    expect((await pins.pin(17)).level).toBe(1);
    const line = await gpio.openInput(23);
    await pins.setLevel(23, 1);
    expect(await line.read()).toBe(1);
  });

  it('gives its pins back, so that the program can end by itself', async () => {
    const pins = await openPins();
    const remote = openRemote(pins);
    const line = await remote.gpio.openInput(17);
    await line.watch(
      () => {},
      () => {},
    );
    await line.close();
    expect(await remote.end()).toBe(0);
    expect((await pins.pin(17)).isExported).toBe(false);
  });

  it('lives on when the chip is torn out, and says so once a watch', async () => {
    const pins = await openPins();
    const remote = openRemote(pins);
    const input = await remote.gpio.openInput(17);
    const output = await remote.gpio.openOutput(23);
    const faults: string[] = [];
    await input.watch(
      () => {},
      (err) => faults.push(err.message),
    );
    await pins.stop();
    await vi.waitUntil(() => faults.length > 0, patience);
    const gone = { code: 'GPIO_UNAVAILABLE', message: expect.stringContaining('the chip is gone') };
    await expect(input.read()).rejects.toMatchObject(gone);
    await expect((async () => output.write(1))()).rejects.toMatchObject(gone);
    await input.close();
    await expect(output.close()).rejects.toMatchObject(gone);
    expect(faults).toEqual([expect.stringMatching(/watch BCM 17, line 529.*the chip is gone/)]);
    expect(await remote.end()).toBe(0);
  });
});
