import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import { Light, toGaugeCommand, toLightState } from '../../../src/gauge/light.ts';
import { silentLog } from '../../../src/support/log.ts';
import { publishedTo } from '../../support/published.ts';

const colour = { red: 255, green: 128, blue: 0 };

describe('a light command', () => {
  it('becomes a command to the gauge', () => {
    expect(toGaugeCommand({ state: 'OFF' }, 12)).toEqual({ brightness: 0 });
    expect(toGaugeCommand({ state: 'ON' }, undefined)).toEqual({});
    expect(toGaugeCommand({ state: 'ON', effect: 'nodes' }, undefined)).toEqual({ view: 'nodes' });
    expect(toGaugeCommand({ state: 'ON', color: { r: 255, g: 128, b: 0 }, brightness: 12 }, 5)).toEqual({
      ...colour,
      brightness: 12,
    });
  });

  it('keeps the brightness that was last asked for', () => {
    expect(toGaugeCommand({ state: 'ON', color: { r: 255, g: 128, b: 0 } }, 12)).toEqual({
      ...colour,
      brightness: 12,
    });
  });
});

describe('a light state', () => {
  it('is made of the gauge’s', () => {
    expect(toLightState({ view: 'cluster', brightness: 3, ...colour })).toEqual({
      state: 'ON',
      color_mode: 'rgb',
      brightness: 3,
      color: { r: 255, g: 128, b: 0 },
      effect: 'cluster',
    });
    expect(toLightState({ view: 'solid', brightness: 0, ...colour })).toMatchObject({ state: 'OFF' });
  });
});

describe('the light', () => {
  const set = 'bramble/pi-01/light/blinkt/set';
  const gauge = 'bramble/pi-01/gauge';
  const commands = 'bramble/pi-01/gauge/pixels/set';
  const states = 'bramble/pi-01/light/blinkt/state';

  async function openLight() {
    const bus = new MemoryBus();
    await bus.start();
    const light = new Light({ node: 'pi-01', bus, log: silentLog });
    await light.start();
    onTestFinished(() => light.stop());
    return bus;
  }

  it('passes commands on, and remembers its brightness while it is off', async () => {
    const bus = await openLight();
    await bus.publish({ topic: set, payload: '{"state":"ON","brightness":20,"transition":2}' });
    await bus.publish({ topic: set, payload: '{"state":"OFF"}' });
    await bus.publish({ topic: set, payload: '{"state":"ON"}' });
    expect(publishedTo(bus, commands)).toEqual([
      '{"brightness":20}',
      '{"brightness":0}',
      '{"brightness":20}',
    ]);
  });

  it('ignores what is not a command', async () => {
    const bus = await openLight();
    for (const payload of ['ON', '', '{"brightness":300}', '{"effect":"rainbow"}'])
      await bus.publish({ topic: set, payload });
    expect(publishedTo(bus, commands)).toEqual([]);
  });

  it('says its state when it changes, not with every move of the bar', async () => {
    const bus = await openLight();
    const say = (brightness: number, pixel: string) =>
      bus.publish({
        topic: gauge,
        payload: JSON.stringify({ view: 'cluster', brightness, ...colour, pixels: [pixel] }),
        retain: true,
      });
    await say(3, '#00ff00');
    await say(3, '#00aa00');
    await say(1, '#00aa00');
    await bus.publish({ topic: gauge, payload: 'garbage' });
    expect(publishedTo(bus, states).map((text) => JSON.parse(text).brightness)).toEqual([3, 1]);
  });
});
