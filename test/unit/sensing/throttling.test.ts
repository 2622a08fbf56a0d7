import { describe, expect, it, onTestFinished } from 'vitest';
import type { ThrottlingState } from '../../../hardware/throttling.ts';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import { Sensors } from '../../../src/sensing/sensors.ts';
import { ThrottlingWatch } from '../../../src/sensing/throttling.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { BrambleError } from '../../../src/support/errors.ts';
import { silentLog } from '../../../src/support/log.ts';
import { collectEvents } from '../../support/sensing.ts';

const fine: ThrottlingState = {
  underVoltage: false,
  frequencyCapped: false,
  throttled: false,
  softTemperatureLimit: false,
};
const soc = { kind: 'throttling', sensor: 'soc' } as const;

async function openWatch(read: () => Promise<ThrottlingState | undefined>) {
  const clock = new ManualClock();
  const { events, reporter } = collectEvents(clock);
  const sensors = new Sensors({ node: 'pi-01', bus: new MemoryBus(), log: silentLog });
  const watch = new ThrottlingWatch({ throttling: { read }, reporter, sensors, clock, log: silentLog });
  await watch.start();
  onTestFinished(() => watch.stop());
  await clock.advance(0);
  return { clock, events, sensors, watch };
}

describe('watching for throttling', () => {
  it('reports the first state and then changes only', async () => {
    let state = fine;
    const { clock, events, watch } = await openWatch(async () => state);
    await clock.advance(20_000);
    expect(watch.isThrottled).toBe(false);
    state = { ...fine, underVoltage: true };
    await clock.advance(20_000);
    expect(events).toMatchObject([
      { type: 'throttling.changed', sensor: 'soc', ...fine },
      { underVoltage: true, sequence: 2 },
    ]);
    expect(watch.isThrottled).toBe(true);
  });

  it('is not listed and asks no more where the machine cannot tell', async () => {
    let reads = 0;
    const { clock, sensors, events } = await openWatch(async () => {
      reads += 1;
      return undefined;
    });
    await clock.advance(60_000);
    expect(reads).toBe(1);
    expect(sensors.list()).toEqual([]);
    expect(events).toEqual([]);
  });

  it('is offline while it cannot be read, and does not claim to be throttled', async () => {
    let isBroken = false;
    const { clock, sensors, watch } = await openWatch(async () => {
      if (isBroken) throw new BrambleError('SENSOR_FAULT', 'cannot read get_throttled: EIO');
      return { ...fine, throttled: true };
    });
    isBroken = true;
    await clock.advance(15_000);
    expect(sensors.statusOf(soc)).toBe('offline');
    expect(watch.isThrottled).toBe(false);
    isBroken = false;
    await clock.advance(5_000);
    expect(sensors.statusOf(soc)).toBe('online');
    expect(watch.isThrottled).toBe(true);
  });
});
