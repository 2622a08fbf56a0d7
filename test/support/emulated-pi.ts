import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Pins, startPins } from './in-private-sysfs.ts';
import { slaveText } from './sensors.ts';

/** The thermometer on its 1-Wire bus. */
export const probe = '28-0316a2797c10';

/** A chip with pins, a thermometer on the 1-Wire bus and one in the processor, below a `/sys` of their own. */
export interface EmulatedPi {
  readonly pins: Pins;
  setCelsius(celsius: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startPi(): Promise<EmulatedPi> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-pi-'));
  const [oneWire, thermal] = [join(folder, 'w1'), join(folder, 'thermal')];
  const slave = join(oneWire, 'devices', probe, 'w1_slave');
  const setCelsius = async (celsius: number) => {
    await writeFile(`${slave}.new`, slaveText(celsius * 1_000));
    await rename(`${slave}.new`, slave); // as the kernel gives it: nobody reads half of it
  };
  await mkdir(dirname(slave), { recursive: true });
  await setCelsius(21);
  await mkdir(join(thermal, 'thermal_zone0'), { recursive: true });
  await writeFile(join(thermal, 'thermal_zone0/type'), 'cpu-thermal\n');
  await writeFile(join(thermal, 'thermal_zone0/temp'), '51234\n');
  const pins = await startPins({ folders: { 'bus/w1': oneWire, 'class/thermal': thermal } });
  return {
    pins,
    setCelsius,
    stop: async () => {
      await pins.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
