import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Measurement, Thermometer, Thermometers } from '../../hardware/thermometer.ts';

/** Thermometers of which the contract can plug, move and break one. */
export interface ThermometerBench {
  readonly thermometers: Thermometers;
  /** Its id. */
  readonly id: string;
  /** Plugs it in, or sets what it measures. */
  set(values: Measurement): void | Promise<void>;
  /** Makes its readings fail. */
  breakDown(): void | Promise<void>;
  unplug(): void | Promise<void>;
  stop(): void | Promise<void>;
}

/** What `Thermometers` and `Thermometer` promise. */
export function thermometerContract(
  kind: string,
  open: () => ThermometerBench | Promise<ThermometerBench>,
): void {
  describe(`${kind} thermometers`, () => {
    let bench: ThermometerBench;
    const signal = new AbortController().signal;
    beforeEach(async () => {
      bench = await open();
      await bench.set({ celsius: 21.5 });
    });
    afterEach(() => bench.stop());

    const find = async (): Promise<Thermometer> => {
      const found = (await bench.thermometers.discover()).find(({ id }) => id === bench.id);
      if (found === undefined) throw new Error(`${bench.id} was not found`);
      return found;
    };

    it('are found with an id that fits a topic level, and a model', async () => {
      const { id, model } = await find();
      expect(id).toMatch(/^[a-z0-9][-a-z0-9]{0,62}$/);
      expect(model).not.toBe('');
    });

    it('give what they measure, anew at each reading', async () => {
      const thermometer = await find();
      expect((await thermometer.read(signal)).celsius).toBeCloseTo(21.5);
      await bench.set({ celsius: -3.25 });
      expect((await thermometer.read(signal)).celsius).toBeCloseTo(-3.25);
    });

    it('reject with a fault that says what was read and why it failed, and work again afterwards', async () => {
      const thermometer = await find();
      await bench.breakDown();
      await expect(thermometer.read(signal)).rejects.toMatchObject({
        code: 'SENSOR_FAULT',
        message: expect.stringMatching(/^cannot read .+: ./),
      });
      await bench.set({ celsius: 20 });
      expect((await thermometer.read(signal)).celsius).toBeCloseTo(20);
    });

    it('do not begin a reading that is given up already', async () => {
      const reason = new Error('given up');
      await expect((await find()).read(AbortSignal.abort(reason))).rejects.toBe(reason);
    });

    it('are not found any more once unplugged, and fail if they are read nonetheless', async () => {
      const thermometer = await find();
      await bench.unplug();
      await expect(find()).rejects.toThrow('was not found');
      await expect(thermometer.read(signal)).rejects.toMatchObject({ code: 'SENSOR_FAULT' });
    });

    it('are found again under the same id once plugged in again', async () => {
      const { id } = await find();
      await bench.unplug();
      await bench.set({ celsius: 20 });
      const again = await find();
      expect(again.id).toBe(id);
      expect((await again.read(signal)).celsius).toBeCloseTo(20);
    });
  });
}
