import type { Measurement, Thermometer, Thermometers } from '../../../hardware/thermometer.ts';
import { messageOf } from '../../support/errors.ts';
import { type Check, ok, type Verdict, warn } from '../finding.ts';

/** Finds the sensors and reads each once. */
export function checkSensors(thermometers: Thermometers): Check {
  return {
    name: 'sensors',
    async run(signal) {
      const found = await thermometers.discover();
      if (found.length > 0) return Promise.all(found.map((one) => readOnce(one, signal)));
      return [
        warn(
          'no thermometer was found',
          'for a DS18B20 add dtoverlay=w1-gpio to /boot/firmware/config.txt and restart; see hardware/WIRING.md',
        ),
      ];
    },
  };
}

async function readOnce(thermometer: Thermometer, signal: AbortSignal): Promise<Verdict> {
  const name = `${thermometer.model} ${thermometer.id}`;
  try {
    return ok(`${name}: ${renderMeasurement(await thermometer.read(signal))}`);
  } catch (err) {
    return warn(`${name}: ${messageOf(err)}`, 'look at its wires and its supply; see hardware/WIRING.md');
  }
}

function renderMeasurement({ celsius, percent, hectopascals }: Measurement): string {
  return [
    ...(celsius === undefined ? [] : [`${celsius} °C`]),
    ...(percent === undefined ? [] : [`${percent} %`]),
    ...(hectopascals === undefined ? [] : [`${hectopascals} hPa`]),
  ].join(', ');
}
