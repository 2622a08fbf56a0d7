import type { Problem } from '../support/errors.ts';
import { parseDuration } from './duration.ts';
import type { FunctionSpec } from './spec.ts';

/** The part of a deployment that settings are written in. */
export type SettingsSource = Pick<
  FunctionSpec,
  'service' | 'envProcess' | 'envVars' | 'labels' | 'annotations'
>;

interface Found {
  /** `annotations.topic`, `envVars.exec_timeout`. */
  readonly path: string;
  readonly value: string;
}

/** Reads typed values out of annotations, labels and environment, and collects what is wrong with them. */
export class SettingReader {
  readonly problems: Problem[] = [];
  readonly #source: SettingsSource;

  constructor(source: SettingsSource) {
    this.#source = source;
  }

  /** An annotation, or a label of the same key: people put one for the other, and Swarm keeps both as labels. */
  annotation(key: string): Found | undefined {
    const { annotations, labels } = this.#source;
    return found('annotations', annotations, key) ?? found('labels', labels, key);
  }

  environment(key: string): Found | undefined {
    return found('envVars', this.#source.envVars, key);
  }

  report({ path }: Found, message: string): void {
    this.problems.push({ path, message });
  }

  integer(setting: Found | undefined, range: { min: number; max: number; fallback: number }): number {
    if (setting === undefined) return range.fallback;
    const value = Number(setting.value);
    if (/^\d+$/.test(setting.value) && value >= range.min && value <= range.max) return value;
    this.report(setting, `must be a whole number from ${range.min} to ${range.max}, not "${setting.value}"`);
    return range.fallback;
  }

  durationMs(setting: Found | undefined, fallbackMs: number): number {
    if (setting === undefined) return fallbackMs;
    const ms = parseDuration(setting.value);
    if (ms !== undefined) return ms;
    this.report(setting, `must be a duration such as 30s, 1m30s, 500ms or 30, not "${setting.value}"`);
    return fallbackMs;
  }

  oneOf<Value extends string>(setting: Found | undefined, values: readonly [Value, ...Value[]]): Value {
    const value = values.find((candidate) => candidate === setting?.value);
    if (setting !== undefined && value === undefined)
      this.report(setting, `must be one of ${values.join(', ')}, not "${setting.value}"`);
    return value ?? values[0];
  }

  /** Comma-separated, spaces around items ignored, empty items left out. */
  items(setting: Found | undefined): string[] {
    return (setting?.value ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  /** A misspelt name of ours would otherwise do nothing, silently. */
  refuseUnknown(prefix: string, known: readonly string[]): void {
    for (const [place, map] of Object.entries({
      annotations: this.#source.annotations,
      labels: this.#source.labels,
    }))
      for (const key of Object.keys(map ?? {}))
        if (key.startsWith(prefix) && !known.includes(key))
          this.report({ path: `${place}.${key}`, value: '' }, `is not known; known are ${known.join(', ')}`);
  }
}

function found(
  place: string,
  map: Readonly<Record<string, string>> | null | undefined,
  key: string,
): Found | undefined {
  if (map === null || map === undefined || !Object.hasOwn(map, key)) return undefined;
  const value = map[key]?.trim();
  return value === undefined || value === '' ? undefined : { path: `${place}.${key}`, value };
}
