import { describe, expect, it, onTestFinished } from 'vitest';
import type { Thermometer } from '../../../hardware/thermometer.ts';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import { Climate } from '../../../src/sensing/climate.ts';
import { Sensors } from '../../../src/sensing/sensors.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { silentLog } from '../../../src/support/log.ts';
import { Metrics } from '../../../src/support/metrics.ts';
import { collectEvents, FakeThermometer } from '../../support/sensing.ts';

async function openClimate(plugged: Thermometer[]) {
  const clock = new ManualClock();
  const bus = new MemoryBus();
  await bus.start();
  const { events, reporter, store } = collectEvents(clock);
  const sensors = new Sensors({ node: 'pi-01', bus, log: silentLog });
  const metrics = new Metrics();
  const climate = new Climate({
    thermometers: { discover: async () => [...plugged] },
    reporter,
    sensors,
    clock,
    log: silentLog,
    metrics,
    intervalMs: 10_000,
    maxSilenceMs: 60_000,
    deadBandCelsius: 0.2,
    deadBandPercent: 1,
    deadBandHectopascals: 0.5,
    failuresUntilOffline: 3,
  });
  await climate.start();
  await clock.advance(0);
  onTestFinished(() => climate.stop());
  return { clock, events, sensors, climate, store, metrics };
}

const temperature = (sensor: string) => ({ kind: 'temperature', sensor }) as const;

describe('climate sensing', () => {
  it('reports each quantity of a sensor at once', async () => {
    const { events } = await openClimate([
      new FakeThermometer('bme280', { celsius: 21.4, percent: 40, hectopascals: 1013 }),
    ]);
    expect(events).toMatchObject([
      { type: 'temperature.measured', sensor: 'bme280', celsius: 21.4, sequence: 1 },
      { type: 'humidity.measured', percent: 40, sequence: 1 },
      { type: 'pressure.measured', hectopascals: 1013, sequence: 1 },
    ]);
  });

  it('reads at its interval and reports only what is news', async () => {
    const sensor = new FakeThermometer('28-1', { celsius: 21 });
    const { clock, events } = await openClimate([sensor]);
    sensor.gives({ celsius: 21.1 });
    await clock.advance(10_000);
    sensor.gives({ celsius: 21.3 });
    await clock.advance(10_000);
    expect(sensor.reads).toBe(3);
    expect(events).toMatchObject([{ celsius: 21 }, { celsius: 21.3, time: '2026-01-01T00:00:20.000Z' }]);
  });

  it('repeats an unchanged value so that silence means trouble', async () => {
    const { clock, events } = await openClimate([new FakeThermometer('28-1', { celsius: 21 })]);
    await clock.advance(120_000);
    expect(events).toHaveLength(3);
  });

  it('skips the ticks that a slow reading lasts, and does not hold up other sensors', async () => {
    const slow = new FakeThermometer('28-1', {});
    const quick = new FakeThermometer('28-2', { celsius: 20 });
    let finish = () => {};
    slow.answer = () =>
      new Promise((resolve) => {
        finish = () => resolve({ celsius: 30 });
      });
    const { clock } = await openClimate([slow, quick]);
    await clock.advance(9_000);
    expect([slow.reads, quick.reads]).toEqual([1, 1]);
    finish();
    await clock.advance(1_000);
    expect([slow.reads, quick.reads]).toEqual([2, 2]);
  });

  it('gives up a reading that does not end', async () => {
    const stuck = new FakeThermometer('28-1', {});
    stuck.answer = () => new Promise(() => {});
    const { clock, sensors } = await openClimate([stuck]);
    await clock.advance(70_000);
    expect(stuck.reads).toBeGreaterThan(2);
    expect(sensors.statusOf(temperature('28-1'))).toBe('offline');
  });

  it('calls a sensor offline after some failures in a row, and online after one success', async () => {
    const sensor = new FakeThermometer('28-1', { celsius: 21 });
    const { clock, sensors, events, climate } = await openClimate([sensor]);
    sensor.fails();
    await clock.advance(20_000);
    expect(sensors.statusOf(temperature('28-1'))).toBe('online');
    await clock.advance(10_000);
    expect(sensors.statusOf(temperature('28-1'))).toBe('offline');
    expect(climate.celsiusOf('28-1')).toBeUndefined();
    sensor.gives({ celsius: 21 });
    await clock.advance(10_000);
    expect(sensors.statusOf(temperature('28-1'))).toBe('online');
    expect(events).toHaveLength(2);
    expect(climate.celsiusOf('28-1')).toBe(21);
  });

  it('counts failures per sensor', async () => {
    const sensor = new FakeThermometer('28-1', {});
    sensor.fails();
    const { clock, metrics } = await openClimate([sensor]);
    await clock.advance(10_000);
    expect(await metrics.render()).toContain('bramble_sensor_failures_total{sensor="28-1"} 2');
  });

  it('finds a sensor that is plugged in later', async () => {
    const plugged: Thermometer[] = [];
    const { clock, events } = await openClimate(plugged);
    plugged.push(new FakeThermometer('28-9', { celsius: 5 }));
    await clock.advance(40_000);
    expect(events).toMatchObject([{ sensor: '28-9', celsius: 5 }]);
  });

  it('calls an unplugged sensor offline, and knows it again when it comes back', async () => {
    const sensor = new FakeThermometer('28-1', { celsius: 21 });
    const plugged: Thermometer[] = [sensor];
    const { clock, sensors } = await openClimate(plugged);
    plugged.length = 0;
    await clock.advance(30_000);
    expect(sensors.statusOf(temperature('28-1'))).toBe('offline');
    const readsWhenUnplugged = sensor.reads;
    await clock.advance(30_000);
    expect(sensor.reads).toBe(readsWhenUnplugged);
    plugged.push(sensor);
    await clock.advance(40_000);
    expect(sensors.statusOf(temperature('28-1'))).toBe('online');
  });

  it('forgets a sensor that stays unplugged for an hour', async () => {
    const plugged: Thermometer[] = [new FakeThermometer('28-1', { celsius: 21 })];
    const { clock, sensors } = await openClimate(plugged);
    plugged.length = 0;
    await clock.advance(3_600_000);
    expect(sensors.list()).toHaveLength(1);
    await clock.advance(60_000);
    expect(sensors.list()).toEqual([]);
  });

  it('reports a value again that could not be stored', async () => {
    const sensor = new FakeThermometer('28-1', { celsius: 21 });
    const { clock, events, store } = await openClimate([sensor]);
    sensor.gives({ celsius: 25 });
    store.isFull = true;
    await clock.advance(10_000);
    store.isFull = false;
    await clock.advance(10_000);
    expect(events).toMatchObject([{ celsius: 21 }, { celsius: 25 }]);
  });

  it('starts although the sensors cannot be looked for, and looks again', async () => {
    const looks = { isBroken: true };
    const plugged = new Proxy<Thermometer[]>([new FakeThermometer('28-1', { celsius: 21 })], {
      get(target, key, receiver) {
        if (looks.isBroken) throw new Error('EIO');
        return Reflect.get(target, key, receiver);
      },
    });
    const { clock, climate } = await openClimate(plugged);
    expect(climate.celsiusOf('28-1')).toBeUndefined();
    looks.isBroken = false;
    await clock.advance(40_000);
    expect(climate.celsiusOf('28-1')).toBe(21);
  });

  it('stops in the middle of a reading, and leaves no timer', async () => {
    const stuck = new FakeThermometer('28-1', {});
    stuck.answer = () => new Promise(() => {});
    const { clock, climate, events } = await openClimate([stuck]);
    await climate.stop();
    expect(clock.pendingTimers).toBe(0);
    expect(events).toEqual([]);
  });
});
