/** Firmware's view of power and heat: bits 0 to 3 of `get_throttled` (now), bits 16 to 19 (since boot). */
export interface ThrottlingState {
  readonly underVoltage: boolean;
  readonly frequencyCapped: boolean;
  readonly throttled: boolean;
  readonly softTemperatureLimit: boolean;
}

export interface Throttling {
  /** The state now, or `undefined` where this machine cannot tell. Rejects with SENSOR_FAULT. */
  read(): Promise<ThrottlingState | undefined>;
}

export function isThrottling(state: ThrottlingState): boolean {
  return state.underVoltage || state.frequencyCapped || state.throttled || state.softTemperatureLimit;
}
