import { describe, expect, it, onTestFinished } from 'vitest';
import { SimGpio } from '../../../hardware/gpio.sim.ts';
import { type MotionListener, MotionSensor } from '../../../hardware/motion-sensor.ts';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import { Motion } from '../../../src/sensing/motion.ts';
import { RateLimit } from '../../../src/sensing/rate-limit.ts';
import { Sensors } from '../../../src/sensing/sensors.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { silentLog } from '../../../src/support/log.ts';
import { Metrics } from '../../../src/support/metrics.ts';
import { collectEvents } from '../../support/sensing.ts';

const pir = { kind: 'motion', sensor: 'pir' } as const;

type Connect = (listener: MotionListener, clock: ManualClock) => { start(): void; stop(): Promise<void> };

async function openMotion(connect: Connect) {
  const clock = new ManualClock();
  const bus = new MemoryBus();
  await bus.start();
  const { events, reporter } = collectEvents(clock);
  const sensors = new Sensors({ node: 'pi-01', bus, log: silentLog });
  const metrics = new Metrics();
  const motion = new Motion({
    connect: (listener) => connect(listener, clock),
    sensor: 'pir',
    reporter,
    sensors,
    clock,
    log: silentLog,
    metrics,
  });
  await motion.start();
  onTestFinished(() => motion.stop());
  await clock.advance(0);
  return { clock, events, sensors, metrics, motion };
}

/** A sensor that says what the test says. */
async function openScripted() {
  let sensor: MotionListener | undefined;
  const opened = await openMotion((listener) => {
    sensor = listener;
    return { start() {}, async stop() {} };
  });
  if (sensor === undefined) throw new Error('not connected');
  return { ...opened, sensor };
}

describe('motion sensing', () => {
  it('turns the edges of a pin into events, with the time of the edge', async () => {
    const gpio = new SimGpio();
    const { clock, events, sensors } = await openMotion(
      (listener, sensorClock) =>
        new MotionSensor(
          {
            gpio,
            bcm: 17,
            activeLow: false,
            warmUpMs: 60_000,
            debounceMs: 50,
            holdMs: 1_000,
            resyncMs: 30_000,
            clock: sensorClock,
          },
          listener,
        ),
    );
    expect(sensors.statusOf(pir)).toBe('offline');
    expect(events).toEqual([]);
    await clock.advance(60_000);
    expect(sensors.statusOf(pir)).toBe('online');
    gpio.setLevel(17, 1);
    await clock.advance(50);
    gpio.setLevel(17, 0);
    await clock.advance(1_100);
    expect(events).toMatchObject([
      { type: 'motion.cleared', sequence: 1 },
      { type: 'motion.detected', sequence: 2, time: '2026-01-01T00:01:00.000Z' },
      { type: 'motion.cleared', sequence: 3 },
    ]);
  });

  it('does not repeat what it reported when the sensor comes back', async () => {
    const { sensor, sensors, events } = await openScripted();
    sensor.onAvailability(true);
    sensor.onClear(0);
    sensor.onAvailability(false, 'the line is gone');
    expect(sensors.statusOf(pir)).toBe('offline');
    sensor.onAvailability(true);
    sensor.onClear(0);
    expect(events).toMatchObject([{ type: 'motion.cleared' }]);
  });

  it('holds a fluttering sensor to 30 events a minute, counts the rest and reports where it ended', async () => {
    const { sensor, clock, events, metrics } = await openScripted();
    for (let i = 0; i < 50; i += 1) {
      sensor.onMotion(clock.nowMs());
      sensor.onClear(clock.nowMs());
    }
    sensor.onMotion(clock.nowMs());
    expect(events).toHaveLength(30);
    expect(events.at(-1)?.type).toBe('motion.cleared');
    await clock.advance(60_000);
    expect(events).toHaveLength(31);
    expect(events.at(-1)?.type).toBe('motion.detected');
    expect(await metrics.render()).toContain('bramble_motion_suppressed_total 71');
  });

  it('leaves no timer behind', async () => {
    const { sensor, clock, motion } = await openScripted();
    for (let i = 0; i < 50; i += 1) {
      sensor.onMotion(0);
      sensor.onClear(0);
    }
    await motion.stop();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('a rate limit', () => {
  it('grants its number in any window and tells how long to wait', () => {
    const limit = new RateLimit(2, 1_000);
    expect([limit.take(0), limit.take(400), limit.take(700)]).toEqual([0, 0, 300]);
    expect([limit.take(1_000), limit.take(1_001)]).toEqual([0, 399]);
  });
});
