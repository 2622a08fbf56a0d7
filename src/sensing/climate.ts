import type { Thermometer, Thermometers } from '../../hardware/thermometer.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Clock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import { guard } from '../support/guard.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';
import { Probe } from './probe.ts';
import type { Reporter } from './report.ts';
import type { Sensors } from './sensors.ts';

/** New sensors are looked for so often; a bus scan costs a few directory reads. */
const rediscoverMs = 30_000;
/** A sensor unplugged for so long is taken off the list; until then it is shown as unreadable. */
const forgetMs = 3_600_000;

export interface ClimateOptions {
  readonly thermometers: Thermometers;
  readonly reporter: Pick<Reporter, 'report'>;
  readonly sensors: Pick<Sensors, 'set' | 'remove'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly intervalMs: number;
  readonly maxSilenceMs: number;
  readonly deadBandCelsius: number;
  readonly deadBandPercent: number;
  readonly deadBandHectopascals: number;
  readonly failuresUntilOffline: number;
}

/** Reads every temperature, humidity and pressure sensor that is plugged in, and reports what is new. */
export class Climate implements Service {
  readonly name = 'climate';
  readonly #options: ClimateOptions;
  readonly #probes = new Map<string, Probe>();
  readonly #failures;
  #stopTimers: readonly (() => void)[] = [];
  #stopping = new AbortController();
  #isDiscovering = false;

  constructor(options: ClimateOptions) {
    this.#options = options;
    this.#failures = options.metrics.counter(
      'bramble_sensor_failures_total',
      'Readings that a sensor did not give, by sensor',
      ['sensor'],
    );
  }

  async start(): Promise<void> {
    const { clock, log, intervalMs } = this.#options;
    this.#stopping = new AbortController();
    await this.#discover();
    this.#readAll();
    this.#stopTimers = [
      clock.every(intervalMs, () => this.#readAll()),
      clock.every(
        rediscoverMs,
        guard(log, () => this.#discover()),
      ),
    ];
  }

  async stop(): Promise<void> {
    for (const stopTimer of this.#stopTimers) stopTimer();
    this.#stopping.abort();
    await Promise.all([...this.#probes.values()].map((probe) => probe.idle()));
  }

  /** What a sensor said last, or `undefined` while it is unreadable or unknown. */
  celsiusOf(sensor: string): number | undefined {
    return this.#probes.get(sensor)?.latest?.celsius;
  }

  #readAll(): void {
    for (const probe of this.#probes.values()) probe.read(this.#stopping.signal);
  }

  async #discover(): Promise<void> {
    if (this.#isDiscovering) return;
    this.#isDiscovering = true;
    try {
      this.#update(await this.#options.thermometers.discover());
    } catch (err) {
      this.#options.log.warn({ err: messageOf(err) }, 'sensors could not be looked for');
    } finally {
      this.#isDiscovering = false;
    }
  }

  #update(found: readonly Thermometer[]): void {
    for (const thermometer of found) this.#add(thermometer);
    const ids = new Set(found.map(({ id }) => id));
    for (const [id, probe] of this.#probes) {
      if (ids.has(id)) continue;
      probe.unplug();
      if (probe.unpluggedForMs() < forgetMs) continue;
      probe.forget();
      this.#probes.delete(id);
    }
  }

  #add(thermometer: Thermometer): void {
    const { id: sensor, model } = thermometer;
    const known = this.#probes.get(sensor);
    known?.plug(thermometer);
    if (known !== undefined) return;
    this.#options.log.info({ sensor, model }, 'sensor found');
    const onFailure = () => this.#failures.inc({ sensor });
    this.#probes.set(sensor, new Probe(thermometer, { ...this.#options, onFailure }));
  }
}
