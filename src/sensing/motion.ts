import type { MotionListener, MotionSensor } from '../../hardware/motion-sensor.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Clock } from '../support/clock.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';
import { RateLimit } from './rate-limit.ts';
import type { Reporter } from './report.ts';
import type { Sensors } from './sensors.ts';

/** A person makes a PIR report a few times a minute; more is a loose wire or a radio beside it. */
const eventsPerMinute = 30;

export interface MotionOptions {
  /** Makes the sensor that filters, holds and warms up; started and stopped with this service. */
  readonly connect: (listener: MotionListener) => Pick<MotionSensor, 'start' | 'stop'>;
  /** Its name in topics. */
  readonly sensor: string;
  readonly reporter: Pick<Reporter, 'report'>;
  readonly sensors: Pick<Sensors, 'set'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Reports motion at once, when it begins and when it ends. A fluttering sensor is held to some events a minute; what
 * it says last is reported in any case.
 */
export class Motion implements Service {
  readonly name = 'motion';
  readonly #options: MotionOptions;
  readonly #limit = new RateLimit(eventsPerMinute, 60_000);
  readonly #suppressed;
  readonly #source: Pick<MotionSensor, 'start' | 'stop'>;
  #latest: { readonly isMotion: boolean; readonly atMs: number } | undefined;
  #reported: boolean | undefined;
  #cancelRetry: (() => void) | undefined;
  #reporting: Promise<unknown> = Promise.resolve();
  #toldReason: string | undefined;

  constructor(options: MotionOptions) {
    this.#options = options;
    this.#suppressed = options.metrics.counter(
      'bramble_motion_suppressed_total',
      'Changes of a fluttering motion sensor that were not reported at once',
    );
    this.#source = options.connect({
      onMotion: (atMs) => this.#change({ isMotion: true, atMs }),
      onClear: (atMs) => this.#change({ isMotion: false, atMs }),
      onAvailability: (isAvailable, reason) => this.#setAvailable(isAvailable, reason),
    });
  }

  async start(): Promise<void> {
    this.#source.start();
  }

  async stop(): Promise<void> {
    this.#cancelRetry?.();
    await this.#source.stop();
    await this.#reporting;
  }

  #setAvailable(isAvailable: boolean, reason?: string): void {
    const { sensor, sensors, log } = this.#options;
    if (isAvailable) log.info({ sensor }, 'motion sensor works');
    // Tried again and again, it fails for the same reason each time.
    else if (reason !== this.#toldReason)
      log.warn({ sensor, reason }, 'motion sensor cannot be used, trying again');
    this.#toldReason = isAvailable ? undefined : reason;
    sensors.set({ kind: 'motion', sensor, model: 'PIR' }, isAvailable ? 'online' : 'offline');
  }

  #change(latest: { isMotion: boolean; atMs: number }): void {
    this.#latest = latest;
    if (this.#cancelRetry === undefined) this.#reportLatest();
    else this.#suppressed.inc();
  }

  #reportLatest(): void {
    const { clock, sensor, reporter } = this.#options;
    if (this.#latest === undefined || this.#latest.isMotion === this.#reported) return;
    const waitMs = this.#limit.take(clock.monotonicMs());
    if (waitMs > 0) {
      this.#holdBack(waitMs);
      return;
    }
    const { isMotion, atMs } = this.#latest;
    this.#reported = isMotion;
    const stored = reporter.report({ type: isMotion ? 'motion.detected' : 'motion.cleared', sensor }, atMs);
    this.#reporting = Promise.all([this.#reporting, stored]);
  }

  #holdBack(waitMs: number): void {
    const { clock, log, sensor } = this.#options;
    log.warn({ sensor, eventsPerMinute }, 'motion sensor flutters, events held back');
    this.#suppressed.inc();
    this.#cancelRetry = clock.after(waitMs, () => {
      this.#cancelRetry = undefined;
      this.#reportLatest();
    });
  }
}
