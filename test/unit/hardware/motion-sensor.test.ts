import { describe, expect, it } from 'vitest';
import { SimGpio } from '../../../hardware/gpio.sim.ts';
import { MotionSensor } from '../../../hardware/motion-sensor.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';

const bcm = 17;
const settings = {
  bcm,
  activeLow: false,
  warmUpMs: 60_000,
  debounceMs: 50,
  holdMs: 90_000,
  resyncMs: 30_000,
  random: () => 1,
};

/** A sensor and what it told, each line with the seconds since its start. */
async function openSensor(changed: Partial<typeof settings> = {}) {
  const gpio = new SimGpio();
  const clock = new ManualClock(0);
  const told: string[] = [];
  const sensor = new MotionSensor(
    { ...settings, ...changed, gpio, clock },
    {
      onMotion: (atMs) => told.push(`motion ${atMs / 1_000}`),
      onClear: (atMs) => told.push(`clear ${atMs / 1_000}`),
      onAvailability: (isAvailable, reason) =>
        told.push(isAvailable ? 'available' : `unavailable: ${reason}`),
    },
  );
  const take = () => told.splice(0);
  return { gpio, clock, sensor, take };
}

/** One that is warm and sees no motion. */
async function openWarm(changed: Partial<typeof settings> = {}) {
  const opened = await openSensor({ warmUpMs: 0, ...changed });
  opened.sensor.start();
  await opened.clock.advance(0);
  opened.take();
  return opened;
}

describe('a motion sensor', () => {
  it('ignores the line while it warms up, then tells the first state', async () => {
    const { gpio, clock, sensor, take } = await openSensor();
    sensor.start();
    await clock.advance(10_000);
    gpio.setLevel(bcm, 1);
    await clock.advance(1_000);
    gpio.setLevel(bcm, 0);
    await clock.advance(48_999);
    expect(take()).toEqual(['unavailable: warming up']);
    await clock.advance(1);
    expect(take()).toEqual(['available', 'clear 60']);
  });

  it('tells motion at once when the line is high after the warm-up', async () => {
    const { gpio, clock, sensor, take } = await openSensor({ warmUpMs: 1_000 });
    sensor.start();
    gpio.setLevel(bcm, 1);
    await clock.advance(1_000);
    expect(take()).toEqual(['unavailable: warming up', 'available', 'motion 1']);
  });

  it('tells motion with the time of the edge', async () => {
    const { gpio, clock, take } = await openWarm();
    await clock.advance(10_000);
    gpio.setLevel(bcm, 1);
    await clock.advance(49);
    expect(take()).toEqual([]);
    await clock.advance(1);
    expect(take()).toEqual(['motion 10']);
  });

  it('overlooks a pulse that is shorter than the debounce time', async () => {
    const { gpio, clock, take } = await openWarm();
    gpio.setLevel(bcm, 1);
    await clock.advance(40);
    gpio.setLevel(bcm, 0);
    await clock.advance(1_000);
    expect(take()).toEqual([]);
  });

  it('clears motion once the line was low for the hold time', async () => {
    const { gpio, clock, take } = await openWarm({ debounceMs: 0 });
    gpio.setLevel(bcm, 1);
    await clock.advance(200_000);
    gpio.setLevel(bcm, 0);
    await clock.advance(89_999);
    expect(take()).toEqual(['motion 0']);
    await clock.advance(1);
    expect(take()).toEqual(['clear 290']);
  });

  it('holds motion when the line goes high again in time, and tells it once', async () => {
    const { gpio, clock, take } = await openWarm({ debounceMs: 0 });
    for (let pulse = 0; pulse < 3; pulse += 1) {
      gpio.setLevel(bcm, 1);
      await clock.advance(3_000);
      gpio.setLevel(bcm, 0);
      await clock.advance(80_000);
    }
    expect(take()).toEqual(['motion 0']);
    await clock.advance(10_000);
    expect(take()).toEqual(['clear 259']);
  });

  it('sees motion when the line is low, if it is wired so', async () => {
    const { gpio, clock, take } = await openWarm({ activeLow: true });
    gpio.setLevel(bcm, 1);
    await clock.advance(100_000);
    take();
    gpio.setLevel(bcm, 0);
    await clock.advance(50);
    expect(take()).toEqual(['motion 100']);
  });

  it('finds out by itself when an edge was lost', async () => {
    const { gpio, clock, sensor, take } = await openSensor({ warmUpMs: 0 });
    const deaf = { openInput: async () => ({ ...(await gpio.openInput(bcm)), watch: () => () => {} }) };
    const told: string[] = [];
    const listener = {
      onMotion: (atMs: number) => told.push(`motion ${atMs}`),
      onClear: () => {},
      onAvailability: () => {},
    };
    const lossy = new MotionSensor({ ...settings, warmUpMs: 0, gpio: deaf, clock }, listener);
    lossy.start();
    await clock.advance(0);
    gpio.setLevel(bcm, 1);
    await clock.advance(30_000);
    expect(told).toEqual(['motion 30000']);
    await lossy.stop();
    await sensor.stop();
    expect(take()).toEqual([]);
  });

  it('says that its line has died, opens it again and tells the state anew', async () => {
    const { gpio, clock, take } = await openWarm();
    gpio.setLevel(bcm, 1);
    await clock.advance(50);
    take();
    gpio.breakLine(bcm);
    await clock.advance(0);
    expect(take()).toEqual([expect.stringMatching(/^unavailable: .*BCM 17/)]);
    expect(gpio.isOpen(bcm)).toBe(false);
    gpio.repairLine(bcm);
    gpio.setLevel(bcm, 0);
    await clock.advance(1_000);
    expect(take()).toEqual(['available', 'clear 1.05']);
  });

  it('waits longer each time that the line cannot be opened, up to a minute', async () => {
    const { gpio, clock, sensor } = await openSensor({ warmUpMs: 0 });
    gpio.setMissing(true);
    const attemptsAt: number[] = [];
    const open = gpio.openInput.bind(gpio);
    gpio.openInput = (...args) => {
      attemptsAt.push(clock.monotonicMs() / 1_000);
      return open(...args);
    };
    sensor.start();
    await clock.advance(200_000);
    expect(attemptsAt).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
    await sensor.stop();
  });

  it('warms up when the chip appears late, but not a second time', async () => {
    const { gpio, clock, sensor, take } = await openSensor();
    gpio.setMissing(true);
    sensor.start();
    await clock.advance(0);
    expect(take()).toEqual([expect.stringContaining('the simulated chip is missing')]);
    gpio.setMissing(false);
    await clock.advance(60_000);
    expect(take()).toEqual(['unavailable: warming up', 'available', 'clear 60']);
    gpio.breakLine(bcm);
    gpio.repairLine(bcm);
    await clock.advance(1_000);
    expect(take()).toEqual([expect.stringContaining('unavailable'), 'available', 'clear 61']);
  });

  it.each([
    ['while it warms up', { warmUpMs: 60_000 }, 0],
    ['within the debounce time', { warmUpMs: 0 }, 20],
    ['within the hold time', { warmUpMs: 0, debounceMs: 0 }, 1_000],
  ])('gives everything back when it is stopped %s', async (_, changed, afterMs) => {
    const { gpio, clock, sensor, take } = await openSensor(changed);
    sensor.start();
    await clock.advance(0);
    gpio.setLevel(bcm, 1);
    gpio.setLevel(bcm, 0);
    gpio.setLevel(bcm, 1);
    await clock.advance(afterMs);
    gpio.setLevel(bcm, 0);
    await sensor.stop();
    take();
    expect(gpio.isOpen(bcm)).toBe(false);
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(500_000);
    expect(take()).toEqual([]);
  });

  it('gives everything back when it is stopped while its line cannot be opened', async () => {
    const { gpio, clock, sensor } = await openSensor();
    gpio.occupy(bcm);
    sensor.start();
    await clock.advance(5_000);
    await sensor.stop();
    expect(clock.pendingTimers).toBe(0);
  });
});
