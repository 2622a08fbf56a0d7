import { isAbsolute } from 'node:path';
import { filterProblem } from '../events/topics.ts';
import { invalid } from '../support/schema.ts';
import { splitCommand } from './command.ts';
import { readScale, type ScaleSettings } from './scale-settings.ts';
import { SettingReader, type SettingsSource } from './setting-reader.ts';

/**
 * What labels, annotations and environment of a function mean, typed. OpenFaaS's names where it has one; ours start
 * with `bramble.`. The whole list is in docs/FUNCTIONS.md.
 */
export interface FunctionSettings {
  readonly triggers: TriggerSettings;
  readonly delivery: DeliverySettings;
  readonly process: ProcessSettings;
  readonly scale: ScaleSettings;
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
  /**
   * `bramble.acknowledge`: when the broker may forget an event that it dealt to a node. `stored` (unless told): when it
   * is on that node's disk; if the node dies for good, what waits there waits with it. `handled`: when the function is
   * done with it, or it is a dead letter; until then the broker deals it to another node if this one dies. The broker
   * has at most some 20 events on their way to a node at once (Mosquitto's `max_inflight_messages`), so a function with
   * `handled` holds up the events of all others on its node while it is slow or retried.
   */
  readonly acknowledge: 'stored' | 'handled';
  /** `bramble.publish`: topic filters, comma-separated, that the field `publish` of a JSON answer may name. None unless told. */
  readonly publish: readonly string[];
}

/** How the process runtime runs it; environment variables in the names of the OpenFaaS watchdogs. */
export interface ProcessSettings {
  /** `framed` when `bramble.lang` is given and no command with a `mode`, else `fork`; or `mode`: `http`. */
  readonly mode: 'framed' | 'fork' | 'http';
  /** `fprocess`: the command, split at spaces (quotes group). Empty for a framed function of a known language. */
  readonly command: readonly string[];
  /** Annotation `bramble.lang`: `node` or `python`, framed by our own workers. */
  readonly lang: 'node' | 'python' | null;
  /** Annotation `bramble.handler`: absolute working folder with the function's code. */
  readonly handler: string | null;
  /** `exec_timeout`; 30 s unless told. Kills the whole process group. 0 is no limit. */
  readonly execTimeoutMs: number;
  /** `read_timeout`: the caller's body must be there by then. `write_timeout`: the answer must be sent by then. Both as `exec_timeout` unless told. */
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  /** `max_inflight` per replica, running or waiting; 100 unless told, 0 is no limit. More get 429. */
  readonly maxInflight: number;
  /** `content_type` of answers; the request's own unless told. */
  readonly contentType: string | null;
  /** `ready_path` for `mode: http`; a TCP connect is enough unless told. */
  readonly readyPath: string | null;
}

const ownNames = [
  'bramble.time-zone',
  'bramble.overlap',
  'bramble.missed',
  'bramble.concurrency',
  'bramble.order-key',
  'bramble.ttl',
  'bramble.queue.limit',
  'bramble.queue.when-full',
  'bramble.acknowledge',
  'bramble.publish',
  'bramble.lang',
  'bramble.handler',
  'bramble.freeze-after',
] as const;

/** The environment variables that are settings; all others are the function's own business. */
export const settingVariables: readonly string[] = [
  'fprocess',
  'function_process',
  'mode',
  'exec_timeout',
  'read_timeout',
  'write_timeout',
  'max_inflight',
  'content_type',
  'ready_path',
];

/** Throws INVALID with every label, annotation and variable that cannot be used, by its name (`annotations.topic`). */
export function parseSettings(spec: SettingsSource): FunctionSettings {
  const reader = new SettingReader(spec);
  const process = readProcess(reader, spec.envProcess);
  const settings = {
    triggers: readTriggers(reader),
    delivery: readDelivery(reader),
    process,
    scale: readScale(reader, process),
  };
  reader.refuseUnknown('bramble.', ownNames);
  if (reader.problems.length > 0) throw invalid(reader.problems, { what: `function ${spec.service}` });
  return settings;
}

function readTriggers(reader: SettingReader): TriggerSettings {
  const schedule = readSchedule(reader);
  const names = readFilters(reader, 'topic');
  // OpenFaaS's cron connector marks its functions with this pseudo topic.
  const topics = schedule === null ? names : names.filter((name) => name !== 'cron-function');
  return { topics, schedule };
}

function readSchedule(reader: SettingReader): ScheduleSettings | null {
  const setting = reader.annotation('schedule');
  const timeZone = readTimeZone(reader);
  const overlap = reader.oneOf(reader.annotation('bramble.overlap'), ['skip', 'queue']);
  const missed = reader.oneOf(reader.annotation('bramble.missed'), ['once', 'skip', 'all']);
  if (setting === undefined) return null;
  const fields = setting.value.split(/\s+/);
  const isCron =
    (fields.length === 5 || fields.length === 6) && fields.every((f) => /^[\dA-Za-z*/,?#-]+$/.test(f));
  if (!isCron)
    reader.report(
      setting,
      `must be a cron expression of 5 or 6 fields such as "*/5 * * * *", not "${setting.value}"`,
    );
  return { expression: fields.join(' '), timeZone, overlap, missed };
}

function readTimeZone(reader: SettingReader): string {
  const setting = reader.annotation('bramble.time-zone');
  if (setting === undefined) return 'UTC';
  try {
    return new Intl.DateTimeFormat('en', { timeZone: setting.value }).resolvedOptions().timeZone;
  } catch {
    reader.report(setting, `must be an IANA time zone such as Europe/Vienna, not "${setting.value}"`);
    return 'UTC';
  }
}

function readFilters(reader: SettingReader, key: string): string[] {
  const setting = reader.annotation(key);
  const names = reader.items(setting);
  for (const name of names) {
    const problem = filterProblem(name);
    if (problem !== undefined && setting !== undefined) reader.report(setting, problem);
  }
  return [...new Set(names)];
}

function readDelivery(reader: SettingReader): DeliverySettings {
  const minWaitMs = reader.durationMs(reader.annotation('com.openfaas.retry.min_wait'), 1_000);
  return {
    concurrency: reader.integer(reader.annotation('bramble.concurrency'), {
      min: 1,
      max: 1_000,
      fallback: 1,
    }),
    orderKey: readOrderKey(reader),
    attempts: reader.integer(reader.annotation('com.openfaas.retry.attempts'), {
      min: 1,
      max: 100,
      fallback: 5,
    }),
    retryCodes: readRetryCodes(reader),
    minWaitMs,
    maxWaitMs: Math.max(
      minWaitMs,
      reader.durationMs(reader.annotation('com.openfaas.retry.max_wait'), 60_000),
    ),
    ttlMs: reader.durationMs(reader.annotation('bramble.ttl'), 24 * 3_600_000),
    queueLimit: reader.integer(reader.annotation('bramble.queue.limit'), {
      min: 1,
      max: 10_000_000,
      fallback: 10_000,
    }),
    queueWhenFull: reader.oneOf(reader.annotation('bramble.queue.when-full'), ['reject', 'drop-oldest']),
    acknowledge: reader.oneOf(reader.annotation('bramble.acknowledge'), ['stored', 'handled']),
    publish: readFilters(reader, 'bramble.publish'),
  };
}

function readOrderKey(reader: SettingReader): string {
  const setting = reader.annotation('bramble.order-key');
  const value = setting?.value ?? 'none';
  // RFC 6901: each part begins with "/", and "~" stands only in ~0 and ~1.
  const isKey = value === 'none' || value === 'topic' || /^(\/([^~/]|~[01])*)+$/.test(value);
  if (!isKey && setting !== undefined)
    reader.report(setting, `must be none, topic or a JSON pointer such as /room, not "${value}"`);
  return value;
}

function readRetryCodes(reader: SettingReader): number[] {
  const setting = reader.annotation('com.openfaas.retry.codes');
  if (setting === undefined) return [408, 425, 429, 500, 502, 503, 504];
  const codes = reader.items(setting).map(Number);
  if (codes.some((code) => !Number.isInteger(code) || code < 100 || code > 599))
    reader.report(setting, `must be HTTP status codes such as 429,502,503, not "${setting.value}"`);
  return codes;
}

function readProcess(reader: SettingReader, envProcess: string | undefined): ProcessSettings {
  const langSetting = reader.annotation('bramble.lang');
  const lang = langSetting === undefined ? null : reader.oneOf(langSetting, ['node', 'python']);
  const command = readCommand(reader, envProcess);
  const execTimeoutMs = reader.durationMs(reader.environment('exec_timeout'), 30_000);
  return {
    mode: readMode(reader, { lang, command }),
    command,
    lang,
    handler: readHandler(reader),
    execTimeoutMs,
    readTimeoutMs: reader.durationMs(reader.environment('read_timeout'), execTimeoutMs),
    writeTimeoutMs: reader.durationMs(reader.environment('write_timeout'), execTimeoutMs),
    maxInflight: reader.integer(reader.environment('max_inflight'), { min: 0, max: 100_000, fallback: 100 }),
    contentType: reader.environment('content_type')?.value ?? null,
    readyPath: readReadyPath(reader),
  };
}

function readCommand(reader: SettingReader, envProcess: string | undefined): string[] {
  const setting =
    envProcess === undefined || envProcess.trim() === ''
      ? (reader.environment('fprocess') ?? reader.environment('function_process'))
      : { path: 'envProcess', value: envProcess };
  if (setting === undefined) return [];
  const words = splitCommand(setting.value);
  if (words === undefined) reader.report(setting, `has a quote that is not closed: ${setting.value}`);
  return words ?? [];
}

function readMode(
  reader: SettingReader,
  { lang, command }: Pick<ProcessSettings, 'lang' | 'command'>,
): ProcessSettings['mode'] {
  const setting = reader.environment('mode');
  const usual = lang === null ? 'fork' : 'framed';
  // Without a command the variable belongs to the program in the image and says nothing to us.
  if (setting === undefined || command.length === 0) return usual;
  switch (setting.value) {
    case 'http':
      return 'http';
    case 'fork':
    case 'streaming':
    case 'serializing':
      return 'fork';
    default:
      reader.report(setting, `must be http, fork, streaming or serializing, not "${setting.value}"`);
      return usual;
  }
}

function readHandler(reader: SettingReader): string | null {
  const setting = reader.annotation('bramble.handler');
  if (setting === undefined) return null;
  if (!isAbsolute(setting.value)) reader.report(setting, `must be an absolute path, not "${setting.value}"`);
  return setting.value;
}

function readReadyPath(reader: SettingReader): string | null {
  const setting = reader.environment('ready_path');
  if (setting === undefined) return null;
  if (!setting.value.startsWith('/')) reader.report(setting, `must begin with "/", not "${setting.value}"`);
  return setting.value;
}
