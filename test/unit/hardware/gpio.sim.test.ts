import { describe, expect, it } from 'vitest';
import { SimGpio } from '../../../hardware/gpio.sim.ts';
import { gpioContract } from '../../contract/gpio-contract.ts';

gpioContract('simulated', () => {
  const gpio = new SimGpio();
  return {
    gpio,
    setLevel: (bcm, level) => gpio.setLevel(bcm, level),
    levelOf: (bcm) => gpio.levelOf(bcm),
    occupy: (bcm) => gpio.occupy(bcm),
    breakLine: (bcm) => gpio.breakLine(bcm),
    repairLine: (bcm) => gpio.repairLine(bcm),
    stop: () => {},
  };
});

describe('SimGpio', () => {
  it('finds an input as it was left before it was opened', async () => {
    const gpio = new SimGpio();
    gpio.setLevel(17, 1);
    const line = await gpio.openInput(17);
    expect(await line.read()).toBe(1);
  });

  it('lets nobody drive an output from outside', async () => {
    const gpio = new SimGpio();
    await gpio.openOutput(23);
    expect(() => gpio.setLevel(23, 1)).toThrow('it is an output');
  });

  it('opens nothing while its chip is missing', async () => {
    const gpio = new SimGpio();
    gpio.setMissing(true);
    await expect(gpio.openInput(17)).rejects.toThrow('the simulated chip is missing');
    gpio.setMissing(false);
    await gpio.openInput(17);
    expect(gpio.isOpen(17)).toBe(true);
  });
});
