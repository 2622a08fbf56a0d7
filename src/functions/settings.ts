/**
 * What labels, annotations and environment of a function mean, typed. OpenFaaS's names where it has one; ours start
 * with `bramble.`. The whole list is in docs/FUNCTIONS.md.
 */
export interface FunctionSettings {
  readonly triggers: TriggerSettings;
  readonly delivery: DeliverySettings;
  readonly process: ProcessSettings;
  readonly scale: { readonly min: number; readonly max: number };
}

export interface TriggerSettings {
  /** Annotation `topic`: MQTT topic filters, comma-separated. */
  readonly topics: readonly string[];
  /** Annotation `schedule`: a cron expression of five or six fields. */
  readonly schedule: ScheduleSettings | null;
}

export interface ScheduleSettings {
  readonly expression: string;
  /** `bramble.time-zone`, an IANA name; UTC unless told. */
  readonly timeZone: string;
  /** `bramble.overlap`: a tick that falls while the last one is still being handled. `skip` unless told. */
  readonly overlap: 'skip' | 'queue';
  /** `bramble.missed`: ticks that fell while nothing ran. `once` unless told. */
  readonly missed: 'skip' | 'once' | 'all';
}

export interface DeliverySettings {
  /** `bramble.concurrency`: deliveries of events handled at once; 1 unless told. */
  readonly concurrency: number;
  /** `bramble.order-key`: `none`, `topic`, or a JSON pointer into the payload. `none` unless told. */
  readonly orderKey: string;
  /** `com.openfaas.retry.attempts`: attempts in all; 5 unless told. */
  readonly attempts: number;
  /** `com.openfaas.retry.codes`: statuses that are tried again; 408,425,429,500,502,503,504 unless told. */
  readonly retryCodes: readonly number[];
  /** `com.openfaas.retry.min_wait`, `.max_wait` (Go durations); 1 s and 60 s unless told. */
  readonly minWaitMs: number;
  readonly maxWaitMs: number;
  /** `bramble.ttl` (Go duration): an event older than this becomes a dead letter; 24 h unless told. */
  readonly ttlMs: number;
  /** `bramble.queue.limit`; 10 000 unless told. */
  readonly queueLimit: number;
  /** `bramble.queue.when-full`: `reject` (unless told) or `drop-oldest`. */
  readonly queueWhenFull: 'reject' | 'drop-oldest';
}

/** How the process runtime runs it; environment variables in the names of the OpenFaaS watchdogs. */
export interface ProcessSettings {
  /** `mode`: `framed` when `bramble.lang` is given, else `fork`; or `http`. */
  readonly mode: 'framed' | 'fork' | 'http';
  /** `fprocess`: the command, split at spaces (quotes group). Empty for a framed function of a known language. */
  readonly command: readonly string[];
  /** Annotation `bramble.lang`: `node` or `python`, framed by our own workers. */
  readonly lang: 'node' | 'python' | null;
  /** Annotation `bramble.handler`: absolute working folder with the function's code. */
  readonly handler: string | null;
  /** `exec_timeout`; 30 s unless told. Kills the whole process group. 0 is no limit. */
  readonly execTimeoutMs: number;
  /** `read_timeout`: the caller's body must be there by then. `write_timeout`: the answer must be sent by then. */
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  /** `max_inflight` per replica; 0 is no limit. More get 429. */
  readonly maxInflight: number;
  /** `content_type` of answers; the request's own unless told. */
  readonly contentType: string | null;
  /** `ready_path` for `mode: http`; a TCP connect is enough unless told. */
  readonly readyPath: string | null;
}
