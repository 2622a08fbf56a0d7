import { describe, expect, it } from 'vitest';
import { SimThermometer, SimThermometers } from '../../../hardware/thermometer.sim.ts';
import type { Measurement } from '../../../hardware/thermometer.ts';
import { SimThrottling } from '../../../hardware/throttling.sim.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { thermometerContract } from '../../contract/thermometer-contract.ts';

const signal = new AbortController().signal;
const id = '28-000000000001';

function makeSensor(
  home: Measurement,
  { clock = new ManualClock(), random = () => 0.5 }: { clock?: ManualClock; random?: () => number } = {},
) {
  return new SimThermometer(home, { id, model: 'DS18B20', clock, random });
}

thermometerContract('simulated', () => {
  const sensor = makeSensor({ celsius: 21 });
  const thermometers = new SimThermometers([]);
  return {
    thermometers,
    id,
    set: (values) => {
      sensor.repair();
      sensor.set(values);
      thermometers.plug(sensor);
    },
    breakDown: () => sensor.breakDown('the checksum is wrong'),
    unplug: () => thermometers.unplug(id),
    stop: () => {},
  };
});

describe('SimThermometer', () => {
  it('drifts as time passes, and stands still while it does not', async () => {
    const clock = new ManualClock();
    const sensor = makeSensor({ celsius: 21, percent: 40 }, { clock, random: () => 0.9 });
    const first = await sensor.read(signal);
    expect(await sensor.read(signal)).toEqual(first);
    await clock.advance(10_000);
    const later = await sensor.read(signal);
    expect(later.celsius).toBeGreaterThan(21);
    expect(later.percent).toBeGreaterThan(40);
  });

  it('stays near what was set, however long it drifts one way', async () => {
    const clock = new ManualClock();
    const sensor = makeSensor({ celsius: 21 }, { clock, random: () => 0.999 });
    for (let reading = 0; reading < 1_000; reading += 1) {
      await clock.advance(10_000);
      await sensor.read(signal);
    }
    expect((await sensor.read(signal)).celsius).toBeLessThan(28);
  });

  it('gives what was set at the next reading, and keeps its other quantities', async () => {
    const sensor = makeSensor({ celsius: 21, percent: 40 });
    sensor.set({ celsius: 60 });
    expect(await sensor.read(signal)).toEqual({ celsius: 60, percent: 40 });
  });

  it('fails with the reason given until it is repaired', async () => {
    const sensor = makeSensor({ celsius: 21 });
    sensor.breakDown('somebody cut the wire');
    await expect(sensor.read(signal)).rejects.toThrow('somebody cut the wire');
    sensor.repair();
    expect(await sensor.read(signal)).toEqual({ celsius: 21 });
  });
});

describe('SimThrottling', () => {
  it('is content until told otherwise', async () => {
    const throttling = new SimThrottling();
    expect(Object.values(await throttling.read())).toEqual([false, false, false, false]);
    throttling.set({ underVoltage: true });
    expect(await throttling.read()).toMatchObject({ underVoltage: true, throttled: false });
  });
});
