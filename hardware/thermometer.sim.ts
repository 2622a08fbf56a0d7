import type { Clock } from '../src/support/clock.ts';
import { BrambleError } from '../src/support/errors.ts';
import type { Measurement, Thermometer, Thermometers } from './thermometer.ts';

export interface SimThermometerOptions {
  readonly id: string;
  readonly model: string;
  readonly clock: Clock;
  /** In [0, 1): the source of the drift. */
  readonly random: () => number;
}

/** How far each quantity wanders within `driftMs`, at most. */
const wander: Required<Measurement> = { celsius: 0.6, percent: 2, hectopascals: 0.5 };
const driftMs = 10_000;
/** Share of the way home that it goes in `driftMs`, so that it stays near the values that were set. */
const homing = 0.1;

/** A thermometer whose values drift about those that were set last, and that can be made to fail. */
export class SimThermometer implements Thermometer {
  readonly id: string;
  readonly model: string;
  readonly #clock: Clock;
  readonly #random: () => number;
  #home: Measurement;
  #now: Measurement;
  #driftedAtMs: number;
  #fault: string | undefined;

  constructor(home: Measurement, { id, model, clock, random }: SimThermometerOptions) {
    this.id = id;
    this.model = model;
    this.#clock = clock;
    this.#random = random;
    this.#home = home;
    this.#now = home;
    this.#driftedAtMs = clock.monotonicMs();
  }

  /** The next reading gives these; other quantities stay. */
  set(values: Measurement): void {
    this.#home = { ...this.#home, ...values };
    this.#now = { ...this.#now, ...values };
    this.#driftedAtMs = this.#clock.monotonicMs();
  }

  /** Readings fail for this reason, until `repair`. */
  breakDown(reason: string): void {
    this.#fault = reason;
  }

  repair(): void {
    this.#fault = undefined;
  }

  async read(signal: AbortSignal): Promise<Measurement> {
    signal.throwIfAborted();
    if (this.#fault !== undefined) {
      throw new BrambleError('SENSOR_FAULT', `cannot read simulated ${this.id}: ${this.#fault}`);
    }
    this.#drift();
    return this.#now;
  }

  #drift(): void {
    const nowMs = this.#clock.monotonicMs();
    const share = Math.min(1, (nowMs - this.#driftedAtMs) / driftMs);
    this.#driftedAtMs = nowMs;
    const drifted = Object.entries(this.#now).map(([key, value]) => {
      const quantity = key as keyof Measurement; // the keys of a Measurement are its quantities
      const home = this.#home[quantity] ?? value;
      const step = (this.#random() * 2 - 1) * wander[quantity] + (home - value) * homing;
      return [quantity, Number((value + step * share).toFixed(3))];
    });
    this.#now = Object.fromEntries(drifted);
  }
}

/** The sensors of a simulated Pi: they can be plugged in and pulled out. */
export class SimThermometers implements Thermometers {
  readonly #plugged = new Map<string, SimThermometer>();

  constructor(sensors: readonly SimThermometer[]) {
    for (const sensor of sensors) this.plug(sensor);
  }

  plug(sensor: SimThermometer): void {
    this.#plugged.set(sensor.id, sensor);
  }

  unplug(id: string): void {
    this.#plugged.get(id)?.breakDown('it was unplugged');
    this.#plugged.delete(id);
  }

  get(id: string): SimThermometer | undefined {
    return this.#plugged.get(id);
  }

  async discover(): Promise<readonly Thermometer[]> {
    return [...this.#plugged.values()];
  }
}
