/** What one sensor measured at one time. A sensor gives one or several quantities. */
export interface Measurement {
  readonly celsius?: number;
  /** Relative humidity, 0 to 100. */
  readonly percent?: number;
  readonly hectopascals?: number;
}

/** A sensor that is read when asked: DS18B20, DHT22, BME280, the SoC's own. */
export interface Thermometer {
  /** Stable over restarts and replugging: the 1-Wire ROM `28-0316a2797cff`, `bme280-76`, `soc`. Fits a topic level. */
  readonly id: string;
  /** What it is, for people and for discovery: `DS18B20`, `BME280`, `SoC`. */
  readonly model: string;
  /** Fresh reading. Never blocks the event loop; rejects with SENSOR_FAULT (with the reason) or when `signal` aborts. */
  read(signal: AbortSignal): Promise<Measurement>;
}

/** Finds what is plugged in now; called again from time to time, since sensors come and go. */
export interface Thermometers {
  discover(): Promise<readonly Thermometer[]>;
}
