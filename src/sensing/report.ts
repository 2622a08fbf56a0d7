import type { SensorEvent } from '../events/event.ts';
import type { Clock } from '../support/clock.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';

/** Takes over an event. Resolves when it is safe on disk; rejects when it could not be stored. */
export type Report = (event: SensorEvent) => Promise<void>;

type Without<Union, Keys extends PropertyKey> = Union extends unknown ? Omit<Union, Keys> : never;

/** What a sensor says, before it is known when, where and as which of its readings. */
export type Reading = Without<SensorEvent, 'id' | 'node' | 'time' | 'sequence'>;

export interface ReporterOptions {
  readonly node: string;
  readonly report: Report;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Makes events of readings: id, time of reading, and a number that counts up per kind and sensor. */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #sequences = new Map<string, number>();
  readonly #counted;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#counted = options.metrics.counter(
      'bramble_sensor_events_total',
      'Readings that became events, by type and whether the event could be stored',
      ['type', 'outcome'],
    );
  }

  /**
   * Stamps the reading with `atMs`, or the time of this call, and hands it on. Resolves to whether it was stored; never
   * rejects, since a sensor has nobody to throw to. The number of an event that was lost is not given again.
   */
  async report(reading: Reading, atMs = this.#options.clock.nowMs()): Promise<boolean> {
    const { type, sensor } = reading;
    try {
      await this.#options.report(this.#stamp(reading, atMs));
      this.#counted.inc({ type, outcome: 'stored' });
      return true;
    } catch (err) {
      this.#counted.inc({ type, outcome: 'lost' });
      this.#options.log.error({ err, type, sensor }, 'event could not be stored');
      return false;
    }
  }

  #stamp(reading: Reading, atMs: number): SensorEvent {
    const { node, newId } = this.#options;
    const key = `${reading.type.split('.')[0]}/${reading.sensor}`;
    const sequence = (this.#sequences.get(key) ?? 0) + 1;
    this.#sequences.set(key, sequence);
    return { ...reading, id: newId(), node, time: new Date(atMs).toISOString(), sequence };
  }
}
