import type { Measurement, Thermometer } from '../../hardware/thermometer.ts';
import type { SensorEvent } from '../../src/events/event.ts';
import { Reporter } from '../../src/sensing/report.ts';
import type { Clock } from '../../src/support/clock.ts';
import { BrambleError } from '../../src/support/errors.ts';
import { silentLog } from '../../src/support/log.ts';
import { Metrics } from '../../src/support/metrics.ts';

/** A reporter whose events are collected; `isFull` makes storing fail. */
export function collectEvents(clock: Clock) {
  const events: SensorEvent[] = [];
  const store = { isFull: false };
  let ids = 0;
  const reporter = new Reporter({
    node: 'pi-01',
    clock,
    log: silentLog,
    metrics: new Metrics(),
    newId: () => `id-${++ids}`,
    report: async (event) => {
      if (store.isFull) throw new BrambleError('STORE_FULL', 'the disk is full');
      events.push(event);
    },
  });
  return { events, reporter, store };
}

/** A thermometer whose answers the test decides. */
export class FakeThermometer implements Thermometer {
  readonly id: string;
  readonly model = 'DS18B20';
  answer: () => Promise<Measurement>;
  reads = 0;

  constructor(id: string, first: Measurement) {
    this.id = id;
    this.answer = async () => first;
  }

  gives(measurement: Measurement): void {
    this.answer = async () => measurement;
  }

  fails(): void {
    this.answer = async () => {
      throw new BrambleError('SENSOR_FAULT', `cannot read ${this.id}: crc NO`);
    };
  }

  async read(signal: AbortSignal): Promise<Measurement> {
    this.reads += 1;
    return await Promise.race([
      this.answer(),
      new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      ),
    ]);
  }
}
