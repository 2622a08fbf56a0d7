import { join } from 'node:path';
import type { Clock } from '../src/support/clock.ts';
import { listNames, parseNumber, requireRange, SensorReader } from './sensor-file.ts';
import type { Thermometer, Thermometers } from './thermometer.ts';

/** What the zone of the processor is called: on a Pi, on other boards, on a PC. Their numbers differ, so they do not count. */
const processorZones = ['cpu-thermal', 'cpu_thermal', 'soc-thermal', 'soc_thermal', 'x86_pkg_temp'];
const measurable = { min: -40, max: 150 };

/** The processor's own temperature. */
export class SocThermometer implements Thermometers {
  readonly #folder: string;
  readonly #reader: SensorReader;

  constructor({ root, clock }: { root: string; clock: Clock }) {
    this.#folder = join(root, 'class/thermal');
    this.#reader = new SensorReader(clock);
  }

  async discover(): Promise<readonly Thermometer[]> {
    const zone = await this.#findZone();
    if (zone === undefined) return [];
    const path = join(this.#folder, zone, 'temp');
    const read = async (signal: AbortSignal) => {
      const celsius = parseNumber(path, await this.#reader.read(path, signal)) / 1_000;
      return { celsius: requireRange(path, celsius, measurable) };
    };
    return [{ id: 'soc', model: 'SoC', read }];
  }

  async #findZone(): Promise<string | undefined> {
    const zones = (await listNames(this.#folder)).filter((name) => name.startsWith('thermal_zone'));
    const typed = await Promise.all(zones.map(async (zone) => ({ zone, type: await this.#typeOf(zone) })));
    const ranked = processorZones.map((wanted) => typed.find(({ type }) => type === wanted));
    return ranked.find((one) => one !== undefined)?.zone;
  }

  #typeOf(zone: string): Promise<string> {
    const path = join(this.#folder, zone, 'type');
    return this.#reader.read(path, AbortSignal.timeout(2_000)).catch(() => '');
  }
}
