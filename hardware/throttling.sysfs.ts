import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../src/support/errors.ts';
import { listNames, sensorFault } from './sensor-file.ts';
import type { Throttling, ThrottlingState } from './throttling.ts';

/** The mainline driver's name for the firmware's voltage alarm. https://docs.kernel.org/hwmon/raspberrypi-hwmon.html */
const voltageDriver = 'rpi_volt';

/**
 * What the firmware says, from the file of the Raspberry Pi kernel, or in part from the mainline kernel's alarm.
 * Reads need no deadline: the driver gives up after a second when the firmware does not answer.
 */
export class SysfsThrottling implements Throttling {
  readonly #root: string;

  /** `root` is `/sys`, or a copy of it. */
  constructor({ root }: { readonly root: string }) {
    this.#root = root;
  }

  async read(): Promise<ThrottlingState | undefined> {
    return (await this.#readFirmware()) ?? (await this.#readVoltageAlarm());
  }

  /** The folder has an address in its name on some models: `soc`, `soc@107c000000`. */
  async #readFirmware(): Promise<ThrottlingState | undefined> {
    const platform = join(this.#root, 'devices/platform');
    for (const soc of (await listNames(platform)).filter((name) => /^soc(@|$)/.test(name))) {
      const path = join(platform, soc, `${soc}:firmware`, 'get_throttled');
      const text = await readIfThere(path);
      if (text !== undefined) return decodeThrottled(path, text);
    }
    return undefined;
  }

  async #readVoltageAlarm(): Promise<ThrottlingState | undefined> {
    const folder = join(this.#root, 'class/hwmon');
    for (const monitor of await listNames(folder)) {
      if ((await readIfThere(join(folder, monitor, 'name'))) !== voltageDriver) continue;
      const alarm = await readIfThere(join(folder, monitor, 'in0_lcrit_alarm'));
      if (alarm !== undefined) return { ...fine, underVoltage: alarm === '1' };
    }
    return undefined;
  }
}

const fine: ThrottlingState = {
  underVoltage: false,
  frequencyCapped: false,
  throttled: false,
  softTemperatureLimit: false,
};

/** The firmware's bits, in hexadecimal. https://www.raspberrypi.com/documentation/computers/os.html#get_throttled */
function decodeThrottled(path: string, text: string): ThrottlingState {
  if (!/^(0x)?[0-9a-f]+$/i.test(text)) throw sensorFault(path, `it holds ${JSON.stringify(text)}`);
  const bits = Number.parseInt(text, 16);
  return {
    underVoltage: (bits & 1) !== 0,
    frequencyCapped: (bits & 2) !== 0,
    throttled: (bits & 4) !== 0,
    softTemperatureLimit: (bits & 8) !== 0,
  };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    throw sensorFault(path, systemCode(cause) ?? 'unexpected', cause);
  }
}
