import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OneWireThermometers } from '../../../hardware/one-wire.ts';
import type { Thermometer } from '../../../hardware/thermometer.ts';
import { systemClock } from '../../../src/support/clock.system.ts';
import type { Clock } from '../../../src/support/clock.ts';
import { thermometerContract } from '../../contract/thermometer-contract.ts';
import { slaveText } from '../../support/sensors.ts';
import { makeTree } from '../../support/tree.ts';

const id = '28-0316a2797cff';
const file = `bus/w1/devices/${id}/w1_slave`;
const signal = new AbortController().signal;

thermometerContract('1-Wire', async () => {
  const tree = await makeTree({});
  return {
    thermometers: new OneWireThermometers({ root: tree.root, clock: systemClock }),
    id,
    set: ({ celsius = 0 }) => tree.write(file, slaveText(celsius * 1_000)),
    breakDown: () => tree.write(file, slaveText(21_500, { verdict: 'NO' })),
    unplug: () => tree.remove(`bus/w1/devices/${id}`),
    stop: () => {},
  };
});

/** A clock that writes the next text before each further attempt. */
function betweenAttempts(write: () => Promise<void>): Clock {
  const after: Clock['after'] = (delayMs, run) => {
    if (delayMs >= 1_000) return systemClock.after(delayMs, run);
    void write().then(run);
    return () => {};
  };
  return { ...systemClock, after };
}

async function openSensor(texts: readonly string[]) {
  const left = [...texts];
  const tree = await makeTree({ [file]: left.shift() ?? '' });
  const next = async () => {
    const text = left.shift();
    if (text !== undefined) await tree.write(file, text);
  };
  const thermometers = new OneWireThermometers({ root: tree.root, clock: betweenAttempts(next) });
  const [thermometer] = await thermometers.discover();
  if (thermometer === undefined) throw new Error('no sensor found');
  const read = async (sensor: Thermometer = thermometer) => (await sensor.read(signal)).celsius;
  return { tree, read, left, next };
}

describe('a DS18B20', () => {
  it('is found among other 1-Wire devices, with its model by family', async () => {
    const tree = await makeTree({
      'bus/w1/devices/w1_bus_master1/w1_master_slave_count': '4',
      'bus/w1/devices/10-000803671a5d/w1_slave': '',
      'bus/w1/devices/22-000803671a5d/w1_slave': '',
      [file]: '',
      'bus/w1/devices/3b-0000000671a5/w1_slave': '',
      'bus/w1/devices/29-0000000671a5/rw': '',
    });
    const found = await new OneWireThermometers({ root: tree.root, clock: systemClock }).discover();
    expect(found.map((one) => [one.id, one.model])).toEqual([
      ['10-000803671a5d', 'DS18S20'],
      ['22-000803671a5d', 'DS1822'],
      [id, 'DS18B20'],
      ['3b-0000000671a5', 'DS1825'],
    ]);
  });

  it('is not there without the driver', async () => {
    const { root } = await makeTree({});
    expect(await new OneWireThermometers({ root, clock: systemClock }).discover()).toEqual([]);
  });

  it('is read a third time when the checksum was wrong twice', async () => {
    const bad = slaveText(21_500, { verdict: 'NO' });
    const { read, left } = await openSensor([bad, bad, slaveText(22_000)]);
    expect(await read()).toBe(22);
    expect(left).toEqual([]);
  });

  it('is not read a fourth time', async () => {
    const bad = slaveText(21_500, { verdict: 'NO' });
    const { read, left } = await openSensor([bad, bad, bad, slaveText(22_000)]);
    await expect(read()).rejects.toThrow('checksum');
    expect(left.length).toBe(1);
  });

  it('is read again when it gives its power-up value', async () => {
    const { read } = await openSensor([slaveText(85_000), slaveText(21_000)]);
    expect(await read()).toBe(21);
  });

  it('is not believed when it gives nothing but its power-up value', async () => {
    const { read } = await openSensor([slaveText(85_000)]);
    await expect(read()).rejects.toThrow('power-up value');
  });

  it('is not believed when it leaps to 85 °C', async () => {
    const { read, next } = await openSensor([slaveText(21_000), slaveText(85_000)]);
    expect(await read()).toBe(21);
    await next();
    await expect(read()).rejects.toThrow('power-up value');
  });

  it('is believed when it has come near 85 °C by and by', async () => {
    const { read, next } = await openSensor([slaveText(84_500), slaveText(85_000)]);
    expect(await read()).toBe(84.5);
    await next();
    expect(await read()).toBe(85);
  });

  it('is read alone on its bus, and beside one on another bus', async () => {
    const { root } = await makeTree({});
    const devices = join(root, 'bus/w1/devices');
    await mkdir(devices, { recursive: true });
    const names = [
      ['w1_bus_master1', '28-000000000001'],
      ['w1_bus_master1', '28-000000000002'],
      ['w1_bus_master2', '28-000000000003'],
    ] as const;
    for (const [bus, name] of names) {
      await mkdir(join(root, 'devices', bus, name), { recursive: true });
      await symlink(join(root, 'devices', bus, name), join(devices, name));
      execFileSync('mkfifo', [join(devices, name, 'w1_slave')]);
    }
    const sensors = await new OneWireThermometers({ root, clock: systemClock }).discover();
    const readings = sensors.map((sensor) => sensor.read(signal));
    const order: string[] = [];
    const answer = async (name: string) => {
      await writeFile(join(devices, name, 'w1_slave'), slaveText(21_000)); // waits for its reader
      order.push(name);
    };
    const second = answer('28-000000000002');
    await answer('28-000000000003');
    await answer('28-000000000001');
    await second;
    expect(order).toEqual(['28-000000000003', '28-000000000001', '28-000000000002']);
    expect(await Promise.all(readings)).toEqual([{ celsius: 21 }, { celsius: 21 }, { celsius: 21 }]);
  });
});
