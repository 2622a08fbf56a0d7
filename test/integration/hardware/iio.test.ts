import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { IioThermometers } from '../../../hardware/iio.ts';
import { systemClock } from '../../../src/support/clock.system.ts';
import { thermometerContract } from '../../contract/thermometer-contract.ts';
import { impatientClock } from '../../support/sensors.ts';
import { makeTree } from '../../support/tree.ts';

const folder = 'bus/iio/devices/iio:device0';
const signal = new AbortController().signal;

thermometerContract('IIO', async () => {
  const tree = await makeTree({});
  return {
    thermometers: new IioThermometers({ root: tree.root, clock: impatientClock().clock }),
    id: 'bme280',
    set: async ({ celsius = 0 }) => {
      await tree.write(`${folder}/name`, 'bme280\n');
      await tree.write(`${folder}/in_temp_input`, `${celsius * 1_000}\n`);
    },
    breakDown: () => tree.write(`${folder}/in_temp_input`, ''),
    unplug: () => tree.remove(folder),
    stop: () => {},
  };
});

describe('IIO sensors', () => {
  it('give temperature, humidity and pressure in our units', async () => {
    const { root } = await makeTree({
      [`${folder}/name`]: 'bme280\n',
      [`${folder}/in_temp_input`]: '23450\n',
      [`${folder}/in_humidityrelative_input`]: '45123\n',
      [`${folder}/in_pressure_input`]: '101.325000000\n',
    });
    const [sensor] = await new IioThermometers({ root, clock: systemClock }).discover();
    expect(sensor?.model).toBe('BME280');
    expect(await sensor?.read(signal)).toEqual({ celsius: 23.45, percent: 45.123, hectopascals: 1013.25 });
  });

  it('are told apart by bus address, and called after their driver and pin', async () => {
    const { root } = await makeTree({
      'devices/i2c-1/1-0076/iio:device0/name': 'bme280',
      'devices/i2c-1/1-0076/iio:device0/in_temp_input': '1',
      'devices/i2c-1/1-0077/iio:device1/name': 'bme280',
      'devices/i2c-1/1-0077/iio:device1/in_temp_input': '1',
      'devices/platform/dht11@4/iio:device2/name': 'dht11@4',
      'devices/platform/dht11@4/iio:device2/in_temp_input': '1',
    });
    await mkdir(join(root, 'bus/iio/devices'), { recursive: true });
    const targets = ['i2c-1/1-0076/iio:device0', 'i2c-1/1-0077/iio:device1', 'platform/dht11@4/iio:device2'];
    for (const target of targets) {
      await symlink(
        join(root, 'devices', target),
        join(root, 'bus/iio/devices', target.split('/').at(-1) ?? ''),
      );
    }
    const found = await new IioThermometers({ root, clock: systemClock }).discover();
    expect(found.map(({ id, model }) => [id, model])).toEqual([
      ['bme280-76', 'BME280'],
      ['bme280-77', 'BME280'],
      ['dht11-4', 'DHT11/DHT22'],
    ]);
  });

  it('are asked again no sooner than after two seconds', async () => {
    const { clock, skippedMs } = impatientClock();
    const { root } = await makeTree({ [`${folder}/name`]: 'dht11@4', [`${folder}/in_temp_input`]: '' });
    const [sensor] = await new IioThermometers({ root, clock }).discover();
    await expect(sensor?.read(signal)).rejects.toMatchObject({ code: 'SENSOR_FAULT' });
    expect(skippedMs.length).toBe(2);
    expect(Math.min(...skippedMs)).toBeGreaterThanOrEqual(2_000);
  });

  it.each([
    ['in_temp_input', '125001', 'beyond'],
    ['in_temp_input', 'n/a', 'it holds "n/a"'],
    ['in_humidityrelative_input', '100001', 'beyond'],
    ['in_pressure_input', '29.9', 'beyond'],
  ])('are not believed when %s is %s', async (file, text, reason) => {
    const { root } = await makeTree({ [`${folder}/name`]: 'bme280', [`${folder}/${file}`]: text });
    const [sensor] = await new IioThermometers({ root, clock: impatientClock().clock }).discover();
    await expect(sensor?.read(signal)).rejects.toThrow(reason);
  });

  it('that measure nothing of ours are left out', async () => {
    const { root } = await makeTree({ [`${folder}/name`]: 'ads1015', [`${folder}/in_voltage0_raw`]: '17' });
    expect(await new IioThermometers({ root, clock: systemClock }).discover()).toEqual([]);
  });
});
