/**
 * Everything that can happen, as one union. Times are taken where the reading was taken (RFC 3339, UTC);
 * `sequence` counts per sensor and starts at 1 with each start of the agent.
 */
interface Happening {
  /** Unique; the same event delivered twice has the same id. */
  readonly id: string;
  readonly node: string;
  readonly time: string;
}

interface Reading extends Happening {
  /** Name of the sensor on its node: `pir`, `28-0316a2797c`, `soc`. */
  readonly sensor: string;
  readonly sequence: number;
}

export interface MotionDetected extends Reading {
  readonly type: 'motion.detected';
}

export interface MotionCleared extends Reading {
  readonly type: 'motion.cleared';
}

export interface TemperatureMeasured extends Reading {
  readonly type: 'temperature.measured';
  readonly celsius: number;
}

export interface HumidityMeasured extends Reading {
  readonly type: 'humidity.measured';
  /** Relative humidity, 0 to 100. */
  readonly percent: number;
}

export interface PressureMeasured extends Reading {
  readonly type: 'pressure.measured';
  readonly hectopascals: number;
}

export interface ThrottlingChanged extends Reading {
  readonly type: 'throttling.changed';
  readonly underVoltage: boolean;
  readonly frequencyCapped: boolean;
  readonly throttled: boolean;
  readonly softTemperatureLimit: boolean;
}

/** A function answered an event with a 2xx status. */
export interface FunctionFinished extends Happening {
  readonly type: 'function.finished';
  readonly function: string;
  readonly eventId: string;
  readonly status: number;
  readonly durationMs: number;
  readonly attempts: number;
  /** The function's answer: parsed when it is JSON, else text; cut at 64 KiB. */
  readonly result: unknown;
  readonly hops: number;
}

/** An event came to its end without success; it waits in the dead-letter list. */
export interface FunctionFailed extends Happening {
  readonly type: 'function.failed';
  readonly function: string;
  readonly eventId: string;
  readonly status: number | null;
  readonly attempts: number;
  readonly reason: string;
  readonly hops: number;
}

/** The autoscaler changed how many replicas a function has, or froze or woke them. */
export interface FunctionScaled extends Happening {
  readonly type: 'function.scaled';
  readonly function: string;
  /** Wanted from now on, and before. */
  readonly replicas: number;
  readonly replicasBefore: number;
  readonly frozen: boolean;
  /** `load`: more are needed; `quiet`: fewer; `idle`: nobody calls; `wake`: somebody called; `limits`: its settings say so. */
  readonly reason: 'load' | 'quiet' | 'idle' | 'wake' | 'limits';
  /** The figures behind it, for people. */
  readonly explanation: string;
}

export type SensorEvent =
  | MotionDetected
  | MotionCleared
  | TemperatureMeasured
  | HumidityMeasured
  | PressureMeasured
  | ThrottlingChanged;

export type BrambleEvent = SensorEvent | FunctionFinished | FunctionFailed | FunctionScaled;

/**
 * What travels: an event of ours or a foreign MQTT message, tick or async call, in the shape in which it is stored
 * and handed to functions. Field names follow CloudEvents 1.0.
 */
export interface Envelope {
  readonly id: string;
  /** URI-reference of the producer: `/bramble/pi-01/motion/pir`; for a foreign message its topic. */
  readonly source: string;
  /** `motion.detected`, …; `mqtt.message` for a foreign one, `schedule.ticked`, `http.async`. */
  readonly type: string;
  readonly time: string;
  /** MQTT topic, or `schedule/<function>`, `async/<function>`. */
  readonly topic: string;
  readonly contentType: string;
  /** How many functions lie between the first cause and this event. */
  readonly hops: number;
  readonly data: Uint8Array;
}

/** A result of a result of a result…: the ninth hop is not delivered any more. */
export const maxHops = 8;
