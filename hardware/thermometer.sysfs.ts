import type { Clock } from '../src/support/clock.ts';
import { IioThermometers } from './iio.ts';
import { OneWireThermometers } from './one-wire.ts';
import { SocThermometer } from './soc.ts';
import type { Thermometer, Thermometers } from './thermometer.ts';

/** All thermometers that the kernel knows: 1-Wire, Industrial I/O, the processor's own. */
export class SysfsThermometers implements Thermometers {
  readonly #kinds: readonly Thermometers[];

  /** `root` is `/sys`, or a copy of it. */
  constructor(options: { readonly root: string; readonly clock: Clock }) {
    this.#kinds = [
      new OneWireThermometers(options),
      new IioThermometers(options),
      new SocThermometer(options),
    ];
  }

  async discover(): Promise<readonly Thermometer[]> {
    const found = await Promise.all(this.#kinds.map((kind) => kind.discover()));
    return found.flat();
  }
}
