import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import { HomeAssistant } from '../../../src/discovery/home-assistant.ts';
import type { SensorDescription } from '../../../src/events/sensor.ts';
import { Sensors } from '../../../src/sensing/sensors.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { silentLog } from '../../../src/support/log.ts';
import { publishedTo } from '../../support/published.ts';

const pir: SensorDescription = { kind: 'motion', sensor: 'pir', model: 'PIR' };
const pirConfig = 'homeassistant/binary_sensor/bramble_pi-01_motion_pir/config';
const lightConfig = 'homeassistant/light/bramble_pi-01_light_blinkt/config';

async function openHomeAssistant() {
  const clock = new ManualClock();
  const bus = new MemoryBus();
  await bus.start();
  const sensors = new Sensors({ node: 'pi-01', bus, log: silentLog });
  await sensors.start();
  const service = new HomeAssistant({
    node: 'pi-01',
    bus,
    clock,
    log: silentLog,
    random: () => 0.5,
    prefix: 'homeassistant',
    version: '0.1.0',
    procRoot: join(tmpdir(), 'no-such-folder'),
    hasGauge: true,
    expireAfterMs: 180_000,
    sensors,
  });
  await service.start();
  onTestFinished(() => service.stop());
  return { bus, clock, sensors, service };
}

describe('the announcement to Home Assistant', () => {
  it('is retained, and tells of sensors when they come', async () => {
    const { bus, sensors } = await openHomeAssistant();
    expect(publishedTo(bus, lightConfig)).toHaveLength(1);
    expect(publishedTo(bus, pirConfig)).toEqual([]);
    sensors.set(pir, 'offline');
    expect(JSON.parse(publishedTo(bus, pirConfig)[0] ?? '')).toMatchObject({ device_class: 'motion' });
    expect(publishedTo(bus, lightConfig)).toHaveLength(1);
    expect(bus.published.every(({ retain }) => retain)).toBe(true);
  });

  it('is taken back for a sensor that went', async () => {
    const { bus, sensors } = await openHomeAssistant();
    sensors.set(pir, 'online');
    sensors.remove(pir);
    expect(publishedTo(bus, pirConfig).at(-1)).toBe('');
  });

  it('is made again with each connection, with what changed meanwhile', async () => {
    const { bus, sensors } = await openHomeAssistant();
    sensors.set(pir, 'online');
    await bus.setState('offline');
    sensors.remove(pir);
    await bus.setState('online');
    expect(publishedTo(bus, lightConfig)).toHaveLength(2);
    expect(publishedTo(bus, pirConfig).at(-1)).toBe('');
  });

  it('is made again shortly after Home Assistant was born, with availability', async () => {
    const { bus, clock, sensors } = await openHomeAssistant();
    sensors.set(pir, 'online');
    await bus.publish({ topic: 'homeassistant/status', payload: 'online' });
    await clock.advance(1_499);
    expect(publishedTo(bus, pirConfig)).toHaveLength(1);
    await clock.advance(1);
    expect(publishedTo(bus, pirConfig)).toHaveLength(2);
    expect(publishedTo(bus, 'bramble/pi-01/status')).toEqual(['online']);
    expect(publishedTo(bus, 'bramble/pi-01/motion/pir/status')).toEqual(['online', 'online']);
  });

  it('is not made when Home Assistant goes', async () => {
    const { bus, clock } = await openHomeAssistant();
    await bus.publish({ topic: 'homeassistant/status', payload: 'offline' });
    await clock.advance(10_000);
    expect(publishedTo(bus, lightConfig)).toHaveLength(1);
  });

  it('ends with the service', async () => {
    const { bus, clock, sensors, service } = await openHomeAssistant();
    await bus.publish({ topic: 'homeassistant/status', payload: 'online' });
    await service.stop();
    sensors.set(pir, 'online');
    expect(clock.pendingTimers).toBe(0);
    expect(publishedTo(bus, pirConfig)).toEqual([]);
  });
});
