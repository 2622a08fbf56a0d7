import { isThrottling, type Throttling, type ThrottlingState } from '../../hardware/throttling.ts';
import type { SensorDescription } from '../events/sensor.ts';
import type { Service } from '../lifecycle/service.ts';
import type { Clock } from '../support/clock.ts';
import { messageOf } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import type { Reporter } from './report.ts';
import type { Sensors } from './sensors.ts';

/** The firmware's bits say what is true now; a dip of the supply shorter than this may be missed. */
const pollMs = 5_000;
const failuresUntilOffline = 3;

const description: SensorDescription = { kind: 'throttling', sensor: 'soc', model: 'SoC' };

export interface ThrottlingWatchOptions {
  readonly throttling: Throttling;
  readonly reporter: Pick<Reporter, 'report'>;
  readonly sensors: Pick<Sensors, 'set'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Reports when the firmware starts or stops to slow this Pi down: its first state, then every change. */
export class ThrottlingWatch implements Service {
  readonly name = 'throttling';
  readonly #options: ThrottlingWatchOptions;
  #reported: ThrottlingState | undefined;
  #now: ThrottlingState | undefined;
  #failuresInRow = 0;
  #polling: Promise<void> | undefined;
  #stopTimer = () => {};

  constructor(options: ThrottlingWatchOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#stopTimer = this.#options.clock.every(pollMs, () => this.#poll());
    this.#poll();
  }

  async stop(): Promise<void> {
    this.#stopTimer();
    await this.#polling;
  }

  /** Is this node slowed down now? False while that is not known. */
  get isThrottled(): boolean {
    return this.#now !== undefined && isThrottling(this.#now);
  }

  #poll(): void {
    if (this.#polling !== undefined) return;
    this.#polling = this.#pollOnce().finally(() => {
      this.#polling = undefined;
    });
  }

  async #pollOnce(): Promise<void> {
    const { throttling } = this.#options;
    try {
      const state = await throttling.read();
      if (state === undefined) return this.#stopTimer(); // this machine will never tell
      await this.#take(state);
    } catch (err) {
      this.#fail(err);
    }
  }

  async #take(state: ThrottlingState): Promise<void> {
    const { reporter, sensors } = this.#options;
    this.#failuresInRow = 0;
    this.#now = state;
    sensors.set(description, 'online');
    if (this.#reported !== undefined && isSame(this.#reported, state)) return;
    const { underVoltage, frequencyCapped, throttled, softTemperatureLimit } = state;
    const flags = { underVoltage, frequencyCapped, throttled, softTemperatureLimit };
    const isStored = await reporter.report({
      type: 'throttling.changed',
      sensor: description.sensor,
      ...flags,
    });
    if (isStored) this.#reported = state;
  }

  #fail(err: unknown): void {
    this.#failuresInRow += 1;
    if (this.#failuresInRow !== failuresUntilOffline) return;
    this.#options.log.warn({ err: messageOf(err) }, 'throttling cannot be read');
    this.#now = undefined;
    this.#options.sensors.set(description, 'offline');
  }
}

function isSame(one: ThrottlingState, other: ThrottlingState): boolean {
  return (
    one.underVoltage === other.underVoltage &&
    one.frequencyCapped === other.frequencyCapped &&
    one.throttled === other.throttled &&
    one.softTemperatureLimit === other.softTemperatureLimit
  );
}
