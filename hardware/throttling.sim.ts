import type { Throttling, ThrottlingState } from './throttling.ts';

/** A firmware that is content until told otherwise. */
export class SimThrottling implements Throttling {
  #state: ThrottlingState = {
    underVoltage: false,
    frequencyCapped: false,
    throttled: false,
    softTemperatureLimit: false,
  };

  set(changed: Partial<ThrottlingState>): void {
    this.#state = { ...this.#state, ...changed };
  }

  async read(): Promise<ThrottlingState> {
    return this.#state;
  }
}
