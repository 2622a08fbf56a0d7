import type { Measurement, Thermometer } from '../../hardware/thermometer.ts';
import type { SensorDescription, SensorKind } from '../events/sensor.ts';
import type { Clock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import { isNews, type Reported } from './dead-band.ts';
import type { Reading, Reporter } from './report.ts';
import type { Sensors } from './sensors.ts';

/** A reading takes well under a second (a DS18B20 converts for 750 ms); with its retries it ends before this. */
const readTimeoutMs = 10_000;

type ClimateKind = Extract<SensorKind, 'temperature' | 'humidity' | 'pressure'>;

interface Quantity {
  readonly kind: ClimateKind;
  readonly value: number;
  readonly width: number;
  readonly reading: Reading;
}

export interface ProbeOptions {
  readonly reporter: Pick<Reporter, 'report'>;
  readonly sensors: Pick<Sensors, 'set' | 'remove'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxSilenceMs: number;
  readonly deadBandCelsius: number;
  readonly deadBandPercent: number;
  readonly deadBandHectopascals: number;
  readonly failuresUntilOffline: number;
  readonly onFailure: () => void;
}

/** One sensor: reads it when told, reports what is news, and knows whether it works. */
export class Probe {
  #thermometer: Thermometer;
  readonly #options: ProbeOptions;
  readonly #reported = new Map<ClimateKind, Reported>();
  /** The quantities that it has given so far. */
  readonly #kinds = new Set<ClimateKind>();
  #reading: Promise<void> | undefined;
  #failuresInRow = 0;
  #unpluggedAtMs: number | undefined;
  #latest: Measurement | undefined;

  constructor(thermometer: Thermometer, options: ProbeOptions) {
    this.#thermometer = thermometer;
    this.#options = options;
  }

  get latest(): Measurement | undefined {
    return this.#latest;
  }

  /** Starts a reading; does nothing while the last one is still under way or the sensor is unplugged. */
  read(signal: AbortSignal): void {
    if (this.#reading !== undefined || this.#unpluggedAtMs !== undefined) return;
    this.#reading = this.#readOnce(signal).finally(() => {
      this.#reading = undefined;
    });
  }

  /** Resolves when no reading is under way. */
  async idle(): Promise<void> {
    await this.#reading;
  }

  /** The sensor was seen; its files may have moved. */
  plug(thermometer: Thermometer): void {
    this.#thermometer = thermometer;
    this.#unpluggedAtMs = undefined;
  }

  unplug(): void {
    if (this.#unpluggedAtMs !== undefined) return;
    this.#unpluggedAtMs = this.#options.clock.monotonicMs();
    this.#goOffline('unplugged');
  }

  unpluggedForMs(): number {
    return this.#unpluggedAtMs === undefined ? 0 : this.#options.clock.monotonicMs() - this.#unpluggedAtMs;
  }

  forget(): void {
    for (const description of this.#descriptions()) this.#options.sensors.remove(description);
  }

  async #readOnce(stopping: AbortSignal): Promise<void> {
    const measurement = await this.#measure(stopping);
    if (stopping.aborted || this.#unpluggedAtMs !== undefined) return;
    if (measurement === undefined) return this.#fail();
    this.#succeed(measurement);
    await Promise.all(
      quantitiesOf(this.#thermometer.id, measurement, this.#options).map((one) => this.#report(one)),
    );
  }

  async #measure(stopping: AbortSignal): Promise<Measurement | undefined> {
    const { clock, log } = this.#options;
    const reading = new AbortController();
    const abort = () => reading.abort();
    const cancel = clock.after(readTimeoutMs, abort);
    stopping.addEventListener('abort', abort, { once: true });
    try {
      return await this.#thermometer.read(reading.signal);
    } catch (err) {
      if (!stopping.aborted)
        log.debug({ sensor: this.#thermometer.id, err: messageOf(err) }, 'sensor not read');
      return undefined;
    } finally {
      cancel();
      stopping.removeEventListener('abort', abort);
    }
  }

  #succeed(measurement: Measurement): void {
    this.#failuresInRow = 0;
    this.#latest = measurement;
    for (const { kind } of quantitiesOf(this.#thermometer.id, measurement, this.#options)) {
      this.#kinds.add(kind);
      this.#options.sensors.set(this.#describe(kind), 'online');
    }
  }

  async #report({ kind, value, width, reading }: Quantity): Promise<void> {
    const { clock, reporter, maxSilenceMs } = this.#options;
    const now = { value, atMs: clock.monotonicMs() };
    if (!isNews(this.#reported.get(kind), now, { width, maxSilenceMs })) return;
    if (await reporter.report(reading)) this.#reported.set(kind, now);
  }

  #fail(): void {
    this.#failuresInRow += 1;
    this.#options.onFailure();
    if (this.#failuresInRow === this.#options.failuresUntilOffline)
      this.#goOffline(`${this.#failuresInRow} failed readings in a row`);
  }

  #goOffline(reason: string): void {
    this.#options.log.warn({ sensor: this.#thermometer.id, reason }, 'sensor went offline');
    this.#latest = undefined;
    this.#reported.clear(); // the first value after the gap is news
    for (const description of this.#descriptions()) this.#options.sensors.set(description, 'offline');
  }

  /** A sensor that never gave a reading is listed by what every thermometer gives. */
  #descriptions(): SensorDescription[] {
    const kinds: readonly ClimateKind[] = this.#kinds.size > 0 ? [...this.#kinds] : ['temperature'];
    return kinds.map((kind) => this.#describe(kind));
  }

  #describe(kind: ClimateKind): SensorDescription {
    return { kind, sensor: this.#thermometer.id, model: this.#thermometer.model };
  }
}

type Widths = Pick<ProbeOptions, 'deadBandCelsius' | 'deadBandPercent' | 'deadBandHectopascals'>;

function quantitiesOf(sensor: string, measurement: Measurement, widths: Widths): Quantity[] {
  const { celsius, percent, hectopascals } = measurement;
  const quantities: Quantity[] = [];
  if (celsius !== undefined) {
    const reading = { type: 'temperature.measured', sensor, celsius } as const;
    quantities.push({ kind: 'temperature', value: celsius, width: widths.deadBandCelsius, reading });
  }
  if (percent !== undefined) {
    const reading = { type: 'humidity.measured', sensor, percent } as const;
    quantities.push({ kind: 'humidity', value: percent, width: widths.deadBandPercent, reading });
  }
  if (hectopascals !== undefined) {
    const reading = { type: 'pressure.measured', sensor, hectopascals } as const;
    quantities.push({ kind: 'pressure', value: hectopascals, width: widths.deadBandHectopascals, reading });
  }
  return quantities;
}
