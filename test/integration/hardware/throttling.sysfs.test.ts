import { describe, expect, it } from 'vitest';
import { SysfsThrottling } from '../../../hardware/throttling.sysfs.ts';
import { isThrottling } from '../../../hardware/throttling.ts';
import { makeTree } from '../../support/tree.ts';

const file = 'devices/platform/soc/soc:firmware/get_throttled';
const fine = { underVoltage: false, frequencyCapped: false, throttled: false, softTemperatureLimit: false };

async function readTree(files: Record<string, string>) {
  const { root } = await makeTree(files);
  return new SysfsThrottling({ root }).read();
}

describe('SysfsThrottling', () => {
  it.each([
    ['0\n', fine],
    ['50005\n', { ...fine, underVoltage: true, throttled: true }],
    ['2', { ...fine, frequencyCapped: true }],
    ['0x8', { ...fine, softTemperatureLimit: true }],
    ['f000f', { underVoltage: true, frequencyCapped: true, throttled: true, softTemperatureLimit: true }],
    ['f0000', fine],
  ])('reads the firmware’s bits of now in %o', async (text, state) => {
    expect(await readTree({ [file]: text })).toEqual(state);
  });

  it('finds the firmware of a Pi 5, whose folders have an address in their name', async () => {
    const state = await readTree({
      'devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled': '1',
    });
    expect(state).toEqual({ ...fine, underVoltage: true });
  });

  it('falls back to the voltage alarm of the mainline kernel', async () => {
    const monitor = 'class/hwmon/hwmon1';
    const files = { 'class/hwmon/hwmon0/name': 'cpu_thermal\n', [`${monitor}/name`]: 'rpi_volt\n' };
    const low = await readTree({ ...files, [`${monitor}/in0_lcrit_alarm`]: '1\n' });
    expect(low !== undefined && isThrottling(low)).toBe(true);
    expect(await readTree({ ...files, [`${monitor}/in0_lcrit_alarm`]: '0\n' })).toEqual(fine);
  });

  it('does not know where neither is there', async () => {
    expect(await readTree({ 'class/hwmon/hwmon0/name': 'k10temp\n' })).toBeUndefined();
  });

  it('rejects what is no number', async () => {
    await expect(readTree({ [file]: 'error\n' })).rejects.toMatchObject({ code: 'SENSOR_FAULT' });
  });
});
