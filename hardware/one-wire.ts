import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../src/support/clock.ts';
import { retry } from '../src/support/retry.ts';
import { listNames, requireRange, SensorReader, sensorFault } from './sensor-file.ts';
import type { Measurement, Thermometer, Thermometers } from './thermometer.ts';

/** First byte of a ROM → what it is. https://docs.kernel.org/w1/slaves/w1_therm.html */
const models: Record<string, string> = {
  '10': 'DS18S20',
  '22': 'DS1822',
  '28': 'DS18B20',
  '3b': 'DS1825',
  '42': 'DS28EA00',
};
const romPattern = /^([0-9a-f]{2})-[0-9a-f]{12}$/;

const attempts = 3;
/** The next reading converts anew, so there is little to wait for. */
const betweenAttempts = { minMs: 100, maxMs: 200 };

const measurable = { min: -55, max: 125 };
/** What a DS18B20 holds from power-up to its first conversion, with a checksum that is right. */
const powerUpCelsius = 85;
/** A room or a pipe changes less than this between two readings. */
const neighbourhoodCelsius = 5;
/** What it converts to when its supply breaks down. */
const starvedMilliCelsius = 127_937;

/** Dallas thermometers, found and read through the kernel's 1-Wire bus. */
export class OneWireThermometers implements Thermometers {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #readers = new Map<string, SensorReader>();
  readonly #known = new Map<string, Thermometer>();

  constructor({ root, clock }: { root: string; clock: Clock }) {
    this.#folder = join(root, 'bus/w1/devices');
    this.#clock = clock;
  }

  async discover(): Promise<readonly Thermometer[]> {
    const ids = (await listNames(this.#folder)).filter(
      (name) => models[romPattern.exec(name)?.[1] ?? ''] !== undefined,
    );
    for (const id of this.#known.keys()) if (!ids.includes(id)) this.#known.delete(id);
    for (const id of ids) if (!this.#known.has(id)) this.#known.set(id, await this.#make(id));
    return [...this.#known.values()];
  }

  async #make(id: string): Promise<Thermometer> {
    const device = join(this.#folder, id);
    const bus = dirname(await realpath(device).catch(() => device));
    const reader = this.#readers.get(bus) ?? new SensorReader(this.#clock);
    this.#readers.set(bus, reader);
    return createThermometer(id, join(device, 'w1_slave'), reader, this.#clock);
  }
}

function createThermometer(id: string, path: string, reader: SensorReader, clock: Clock): Thermometer {
  let lastCelsius: number | undefined;
  const readOnce = async (signal: AbortSignal): Promise<Measurement> => {
    const celsius = decodeSlave(path, await reader.read(path, signal));
    if (celsius === powerUpCelsius && !isNear(celsius, lastCelsius)) {
      throw sensorFault(path, 'it gave its power-up value of 85 °C; its supply may have dropped');
    }
    lastCelsius = celsius;
    return { celsius };
  };
  return {
    id,
    model: models[id.slice(0, 2)] ?? 'DS18B20',
    read: (signal) => retry(() => readOnce(signal), { clock, signal, attempts, ...betweenAttempts }),
  };
}

/**
 * Degrees from the two lines of `w1_slave`: nine bytes with the verdict on their checksum, and the same nine with
 * `t=` thousandths of a degree. Throws SENSOR_FAULT.
 */
export function decodeSlave(path: string, text: string): number {
  const match = /^((?:[0-9a-f]{2} ){9}): crc=[0-9a-f]{2} (YES|NO)\n.* t=(-?\d+)$/.exec(text);
  const [, bytes = '', verdict, milliCelsius] = match ?? [];
  if (match === null)
    throw sensorFault(path, `its text is not a reading: ${JSON.stringify(text.slice(0, 80))}`);
  if (verdict === 'NO') throw sensorFault(path, 'the checksum is wrong; check its wires and pull-up');
  if (/^(00 )+$/.test(bytes))
    throw sensorFault(path, 'nothing but zeros; is its data line shorted to ground?');
  if (Number(milliCelsius) === starvedMilliCelsius) {
    throw sensorFault(path, 'it has too little power; give it 3.3 V on its own wire');
  }
  return requireRange(path, Number(milliCelsius) / 1_000, measurable);
}

function isNear(celsius: number, other: number | undefined): boolean {
  return other !== undefined && Math.abs(celsius - other) <= neighbourhoodCelsius;
}
