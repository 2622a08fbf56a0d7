import { describe, expect, it } from 'vitest';
import { SocThermometer } from '../../../hardware/soc.ts';
import { SysfsThermometers } from '../../../hardware/thermometer.sysfs.ts';
import { systemClock } from '../../../src/support/clock.system.ts';
import { thermometerContract } from '../../contract/thermometer-contract.ts';
import { slaveText } from '../../support/sensors.ts';
import { makeTree } from '../../support/tree.ts';

const signal = new AbortController().signal;
const zone = 'class/thermal/thermal_zone0';

thermometerContract('SoC', async () => {
  const tree = await makeTree({});
  return {
    thermometers: new SocThermometer({ root: tree.root, clock: systemClock }),
    id: 'soc',
    set: async ({ celsius = 0 }) => {
      await tree.write(`${zone}/type`, 'cpu-thermal\n');
      await tree.write(`${zone}/temp`, `${celsius * 1_000}\n`);
    },
    breakDown: () => tree.write(`${zone}/temp`, ''),
    unplug: () => tree.remove(zone),
    stop: () => {},
  };
});

describe('the SoC’s thermometer', () => {
  it('is found by the type of its zone, not by its number', async () => {
    const { root } = await makeTree({
      [`${zone}/type`]: 'nvme\n',
      [`${zone}/temp`]: '30000\n',
      'class/thermal/thermal_zone1/type': 'x86_pkg_temp\n',
      'class/thermal/thermal_zone1/temp': '40000\n',
      'class/thermal/thermal_zone2/type': 'cpu-thermal\n',
      'class/thermal/thermal_zone2/temp': '51540\n',
      'class/thermal/cooling_device0/type': 'cpu-thermal\n',
    });
    const [soc] = await new SocThermometer({ root, clock: systemClock }).discover();
    expect(await soc?.read(signal)).toEqual({ celsius: 51.54 });
  });

  it('is not there where no zone is the processor’s', async () => {
    const { root } = await makeTree({ [`${zone}/type`]: 'nvme\n', [`${zone}/temp`]: '30000\n' });
    expect(await new SocThermometer({ root, clock: systemClock }).discover()).toEqual([]);
  });
});

describe('SysfsThermometers', () => {
  it('finds sensors of every kind', async () => {
    const { root } = await makeTree({
      [`${zone}/type`]: 'cpu-thermal',
      [`${zone}/temp`]: '51540',
      'bus/w1/devices/28-0316a2797cff/w1_slave': slaveText(21_000),
      'bus/iio/devices/iio:device0/name': 'bme280',
      'bus/iio/devices/iio:device0/in_temp_input': '22000',
    });
    const found = await new SysfsThermometers({ root, clock: systemClock }).discover();
    const readings = await Promise.all(
      found.map(async (one) => [one.id, one.model, await one.read(signal)] as const),
    );
    expect(readings).toEqual([
      ['28-0316a2797cff', 'DS18B20', { celsius: 21 }],
      ['bme280', 'BME280', { celsius: 22 }],
      ['soc', 'SoC', { celsius: 51.54 }],
    ]);
  });
});
