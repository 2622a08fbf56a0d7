import { describe, expect, it, onTestFinished } from 'vitest';
import { SimPixels } from '../../../hardware/pixels.sim.ts';
import type { Pixel } from '../../../hardware/pixels.ts';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import type { NodeView } from '../../../src/gauge/cluster.ts';
import { Display, type DisplayOptions } from '../../../src/gauge/display.ts';
import { isNight } from '../../../src/gauge/night.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { BrambleError } from '../../../src/support/errors.ts';
import { silentLog } from '../../../src/support/log.ts';
import { Metrics } from '../../../src/support/metrics.ts';
import { nodeView } from '../../support/loads.ts';
import { publishedTo } from '../../support/published.ts';

/** Pixels that count their frames and can be broken. */
class BreakablePixels extends SimPixels {
  isBroken = false;
  opens = 0;
  frames = 0;

  override async open(): Promise<void> {
    this.opens += 1;
    this.#requireWorking();
    await super.open();
  }

  override show(pixels: readonly Pixel[]): void {
    this.#requireWorking();
    this.frames += 1;
    super.show(pixels);
  }

  #requireWorking(): void {
    if (this.isBroken) throw new BrambleError('GPIO_UNAVAILABLE', 'cannot write BCM 23: it is gone');
  }
}

async function openDisplay(
  { bus = new MemoryBus(), ...options }: Partial<Omit<DisplayOptions, 'bus'>> & { bus?: MemoryBus } = {},
  startMs?: number,
) {
  const clock = new ManualClock(startMs);
  await bus.start();
  const pixels = new BreakablePixels();
  const metrics = new Metrics();
  const cluster = { views: [nodeView({ strain: 0 })] as NodeView[] };
  const display = new Display({
    node: 'pi-01',
    pixels,
    cluster: { nodes: () => cluster.views },
    bus,
    clock,
    log: silentLog,
    metrics,
    view: 'cluster',
    brightness: 3,
    nightBrightness: 1,
    sampleMs: 1_000,
    smoothing: 1,
    random: () => 0,
    ...options,
  });
  await display.start();
  onTestFinished(() => display.stop());
  await clock.advance(0);
  const command = (payload: object | string, node = 'pi-01') =>
    bus.publish({
      topic: `bramble/${node}/gauge/pixels/set`,
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
    });
  const state = () => JSON.parse(publishedTo(bus, 'bramble/pi-01/gauge').at(-1) ?? '{}');
  const litCount = () => pixels.shown.filter(({ brightness }) => brightness > 0).length;
  return { bus, clock, pixels, cluster, display, metrics, command, state, litCount };
}

const red = { red: 255, green: 0, blue: 0, brightness: 3 };
const allRed = Array.from({ length: 8 }, () => red);

describe('the display', () => {
  it('draws the load on each sample', async () => {
    const { clock, cluster, litCount } = await openDisplay();
    expect(litCount()).toBe(1);
    cluster.views = [nodeView({ strain: 1 })];
    await clock.advance(1_000);
    expect(litCount()).toBe(8);
  });

  it('moves smoothly', async () => {
    const { clock, cluster, litCount } = await openDisplay({ smoothing: 0.5 });
    cluster.views = [nodeView({ strain: 1 })];
    await clock.advance(1_000);
    expect(litCount()).toBe(4);
    await clock.advance(1_000);
    expect(litCount()).toBe(6);
  });

  it('writes the pixels and the state only when they change', async () => {
    const { bus, clock, cluster, pixels } = await openDisplay();
    const frames = pixels.frames;
    const states = publishedTo(bus, 'bramble/pi-01/gauge').length;
    await clock.advance(60_000);
    cluster.views = [nodeView({ strain: 0.001 })];
    await clock.advance(60_000);
    expect(pixels.frames).toBe(frames);
    expect(publishedTo(bus, 'bramble/pi-01/gauge')).toHaveLength(states);
  });

  it('obeys a command at once, to this node or to all', async () => {
    const { pixels, command } = await openDisplay();
    await command({ view: 'solid', red: 255 });
    expect(pixels.shown).toEqual(allRed);
    await command({ blue: 255, brightness: 31 }, 'all');
    expect(pixels.shown[0]).toEqual({ red: 0, green: 0, blue: 255, brightness: 31 });
  });

  it('does not obey a command to another node', async () => {
    const { command, litCount } = await openDisplay();
    await command({ view: 'solid', red: 255 }, 'pi-02');
    expect(litCount()).toBe(1);
  });

  it('returns from a passing command to what was shown before, also after a second one', async () => {
    const { clock, command, state } = await openDisplay();
    await command({ view: 'node', brightness: 9 });
    await command({ red: 255, forMs: 5_000 });
    await clock.advance(4_000);
    await command({ blue: 255, forMs: 5_000 });
    await clock.advance(4_000);
    expect(state()).toMatchObject({ view: 'solid', red: 0, blue: 255, brightness: 3 });
    await clock.advance(1_000);
    expect(state()).toMatchObject({ view: 'node', brightness: 9 });
  });

  it('ends a passing command with the next lasting one', async () => {
    const { clock, command, state } = await openDisplay();
    await command({ red: 255, forMs: 5_000 });
    await command({ view: 'nodes' });
    expect(state()).toMatchObject({ view: 'nodes' });
    await clock.advance(10_000);
    expect(state()).toMatchObject({ view: 'nodes' });
  });

  it('keeps view and colour when only the brightness is given', async () => {
    const { command, state } = await openDisplay();
    await command({ red: 255 });
    await command({ brightness: 20 });
    expect(state()).toMatchObject({ view: 'solid', red: 255, green: 0, brightness: 20 });
    await command({});
    expect(state()).toMatchObject({ view: 'solid', brightness: 3 });
  });

  it('ignores and counts what is not a command', async () => {
    const { command, litCount, metrics } = await openDisplay();
    for (const bad of ['', 'red', '[]', '{"view":"disco"}', '{"red":256}', '{"colour":"red"}', '{"forMs":0}'])
      await command(bad);
    expect(litCount()).toBe(1);
    expect(await metrics.render()).toContain('bramble_gauge_commands_ignored_total 7');
  });

  it('obeys a lasting command from the broker’s memory, and no alert', async () => {
    const bus = new MemoryBus();
    await bus.start();
    const topic = 'bramble/pi-01/gauge/pixels/set';
    await bus.publish({ topic, payload: '{"view":"nodes"}', retain: true });
    expect((await openDisplay({ bus })).state().view).toBe('nodes');
    await bus.publish({ topic, payload: '{"red":255,"forMs":60000}', retain: true });
    expect((await openDisplay({ bus })).state().view).toBe('cluster');
  });

  it('publishes what it shows, retained, and again with each connection', async () => {
    const { bus, command } = await openDisplay();
    await command({ red: 255 });
    await bus.setState('offline');
    await bus.setState('online');
    const states = publishedTo(bus, 'bramble/pi-01/gauge');
    expect(states.at(-1)).toBe(states.at(-2));
    expect(JSON.parse(states.at(-1) ?? '')).toEqual({
      view: 'solid',
      brightness: 3,
      red: 255,
      green: 0,
      blue: 0,
      pixels: Array.from({ length: 8 }, () => '#ff0000'),
    });
  });

  it('is dimmer at night, unless a command says how bright', async () => {
    const evening = new Date(2026, 0, 1, 21, 59, 0).getTime();
    const { clock, state, command } = await openDisplay({ night: { from: '22:00', to: '07:00' } }, evening);
    expect(state().brightness).toBe(3);
    await clock.advance(60_000);
    expect(state().brightness).toBe(1);
    await command({ brightness: 31 });
    expect(state().brightness).toBe(31);
  });

  it('is dark after it stopped, and leaves no timer', async () => {
    const { clock, pixels, command, display, litCount } = await openDisplay();
    await command({ red: 255, forMs: 5_000 });
    await display.stop();
    expect(litCount()).toBe(0);
    expect(clock.pendingTimers).toBe(0);
    expect(() => pixels.show([])).toThrow();
  });

  it('goes on when the pixels fail, and shows the newest picture once they work again', async () => {
    const { clock, cluster, pixels, litCount } = await openDisplay();
    pixels.isBroken = true;
    cluster.views = [nodeView({ strain: 0.5 })];
    await clock.advance(1_000);
    cluster.views = [nodeView({ strain: 1 })];
    await clock.advance(10_000);
    expect(pixels.opens).toBeGreaterThan(2);
    pixels.isBroken = false;
    await clock.advance(60_000);
    expect(litCount()).toBe(8);
  });

  it('tries pixels that are not there ever more seldom', async () => {
    const { clock, cluster, pixels } = await openDisplay({ random: () => 1 });
    pixels.isBroken = true;
    cluster.views = [nodeView({ strain: 1 })];
    await clock.advance(1_000);
    const opensBefore = pixels.opens;
    await clock.advance(3_600_000);
    expect(pixels.opens - opensBefore).toBeGreaterThan(50);
    expect(pixels.opens - opensBefore).toBeLessThanOrEqual(3_600_000 / 60_000 + 10);
  });
});

describe('night', () => {
  const at = (hours: number, minutes: number) => new Date(2026, 5, 1, hours, minutes).getTime();

  it('goes over midnight', () => {
    const night = { from: '22:00', to: '07:00' };
    const times = [at(21, 59), at(22, 0), at(0, 0), at(6, 59), at(7, 0), at(12, 0)];
    expect(times.map((time) => isNight(time, night))).toEqual([false, true, true, true, false, false]);
  });

  it('may lie within one day', () => {
    const night = { from: '01:30', to: '05:00' };
    const times = [at(1, 29), at(1, 30), at(4, 59), at(5, 0), at(23, 0)];
    expect(times.map((time) => isNight(time, night))).toEqual([false, true, true, false, false]);
  });

  it('is never when it ends as it begins', () => {
    expect(isNight(at(3, 0), { from: '03:00', to: '03:00' })).toBe(false);
  });
});
