import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../src/support/clock.ts';
import { retry } from '../src/support/retry.ts';
import { listNames, parseNumber, requireRange, SensorReader } from './sensor-file.ts';
import type { Measurement, Thermometer, Thermometers } from './thermometer.ts';

/** A file that the drivers offer, what it measures and how; `perUnit` turns the kernel's unit into ours. */
const channels = [
  { file: 'in_temp_input', quantity: 'celsius', perUnit: 1e-3, min: -40, max: 125 },
  { file: 'in_humidityrelative_input', quantity: 'percent', perUnit: 1e-3, min: 0, max: 100 },
  { file: 'in_pressure_input', quantity: 'hectopascals', perUnit: 10, min: 300, max: 1_100 },
] as const satisfies readonly { quantity: keyof Measurement; [key: string]: unknown }[];
type Channel = (typeof channels)[number];

/** A DHT misses a question now and then, and one that is asked again within 2 s does not answer: half is the least. */
const retries = { attempts: 3, minMs: 4_000, maxMs: 4_000 };

/** DHT11, DHT22, BME280, BMP280 and their like, through the kernel's Industrial I/O. */
export class IioThermometers implements Thermometers {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #readers = new Map<string, SensorReader>();

  constructor({ root, clock }: { root: string; clock: Clock }) {
    this.#folder = join(root, 'bus/iio/devices');
    this.#clock = clock;
  }

  async discover(): Promise<readonly Thermometer[]> {
    const names = (await listNames(this.#folder)).filter((name) => name.startsWith('iio:device'));
    const found = await Promise.all(names.map((name) => this.#inspect(join(this.#folder, name))));
    return found.filter((thermometer) => thermometer !== undefined);
  }

  /** `undefined` for a device that measures nothing of ours, such as an ADC, or that went away meanwhile. */
  async #inspect(device: string): Promise<Thermometer | undefined> {
    const files = await listNames(device);
    const present = channels.filter(({ file }) => files.includes(file));
    if (present.length === 0) return undefined;
    const reader = this.#readers.get(device) ?? new SensorReader(this.#clock);
    this.#readers.set(device, reader);
    const name = await reader.read(join(device, 'name'), AbortSignal.timeout(2_000)).catch(() => undefined);
    if (name === undefined) return undefined;
    const readAll = (signal: AbortSignal) => readChannels(device, present, reader, signal);
    return {
      id: await nameDevice(device, name),
      model: modelOf(name),
      read: (signal) => retry(() => readAll(signal), { clock: this.#clock, signal, ...retries }),
    };
  }
}

async function readChannels(
  device: string,
  present: readonly Channel[],
  reader: SensorReader,
  signal: AbortSignal,
): Promise<Measurement> {
  const values: [Channel['quantity'], number][] = [];
  for (const { file, quantity, perUnit, ...range } of present) {
    const path = join(device, file);
    const value = parseNumber(path, await reader.read(path, signal)) * perUnit;
    values.push([quantity, requireRange(path, Number(value.toFixed(3)), range)]);
  }
  return Object.fromEntries(values);
}

/**
 * The driver's name, and the address where it tells two of a kind apart: `dht11-4`, `bme280-76`. The kernel's own
 * numbers, `iio:device0`, depend on the order in which devices appear.
 */
async function nameDevice(device: string, name: string): Promise<string> {
  const parent = basename(dirname(await realpath(device).catch(() => device)));
  const address = /^\d+-00([0-9a-f]{2})$/.exec(parent)?.[1] ?? /^spi\d+\.\d+$/.exec(parent)?.[0];
  const full = address === undefined ? name : `${name}-${address}`;
  return full.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-');
}

/** The driver for the DHT11 serves the DHT22 as well, and cannot tell. */
function modelOf(name: string): string {
  const chip = name.split('@')[0]?.toUpperCase() ?? name;
  return chip === 'DHT11' ? 'DHT11/DHT22' : chip;
}
