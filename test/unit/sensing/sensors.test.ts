import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import type { SensorDescription } from '../../../src/events/sensor.ts';
import { Sensors } from '../../../src/sensing/sensors.ts';
import { silentLog } from '../../../src/support/log.ts';
import { publishedTo } from '../../support/published.ts';

const pir: SensorDescription = { kind: 'motion', sensor: 'pir', model: 'PIR' };
const topic = 'bramble/pi-01/motion/pir/status';

async function openSensors() {
  const bus = new MemoryBus();
  await bus.start();
  const sensors = new Sensors({ node: 'pi-01', bus, log: silentLog });
  await sensors.start();
  onTestFinished(() => sensors.stop());
  return { bus, sensors };
}

describe('the list of sensors', () => {
  it('publishes a status, retained, when it changes and not when it is said again', async () => {
    const { bus, sensors } = await openSensors();
    sensors.set(pir, 'offline');
    sensors.set(pir, 'online');
    sensors.set(pir, 'online');
    expect(publishedTo(bus, topic)).toEqual(['offline', 'online']);
    expect(bus.published.every(({ retain }) => retain)).toBe(true);
  });

  it('publishes every status again with each connection', async () => {
    const { bus, sensors } = await openSensors();
    await bus.setState('offline');
    sensors.set(pir, 'online');
    expect(publishedTo(bus, topic)).toEqual([]);
    await bus.setState('online');
    expect(publishedTo(bus, topic)).toEqual(['online']);
  });

  it('tells its listeners of a sensor that came or went, and not of a status', async () => {
    const { sensors } = await openSensors();
    const lists: number[] = [];
    const end = sensors.onChange(() => lists.push(sensors.list().length));
    sensors.set(pir, 'offline');
    sensors.set(pir, 'online');
    sensors.remove(pir);
    end();
    sensors.set(pir, 'online');
    expect(lists).toEqual([1, 0]);
  });

  it('empties the status of a sensor that was removed', async () => {
    const { bus, sensors } = await openSensors();
    sensors.set(pir, 'online');
    sensors.remove(pir);
    sensors.remove(pir);
    expect(publishedTo(bus, topic)).toEqual(['online', '']);
    expect(sensors.statusOf(pir)).toBeUndefined();
  });

  it('goes on when a listener throws', async () => {
    const { sensors } = await openSensors();
    sensors.onChange(() => {
      throw new Error('a defect');
    });
    expect(() => sensors.set(pir, 'online')).not.toThrow();
  });
});
