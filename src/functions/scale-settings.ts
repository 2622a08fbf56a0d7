import type { SettingReader } from './setting-reader.ts';

/** How many replicas a function has, and when; labels in OpenFaaS's names below `com.openfaas.scale`. */
export interface ScaleSettings {
  /** `min`: while it is not idle; 1 unless told. */
  readonly min: number;
  /** `max`: 20 unless told. */
  readonly max: number;
  /** `factor`: percent of `max` that an alert adds; 20 unless told. 0 switches scaling by load off. */
  readonly factor: number;
  /**
   * `type`, what `target` counts per replica. `capacity`: calls in flight; `rps`: calls a second; `queue`: deliveries
   * that wait. `cpu` is measured nowhere here and counts as `capacity` with its usual target.
   */
  readonly type: 'capacity' | 'rps' | 'queue';
  /** `target`: unless told 50 for `rps`, else 10; never more calls in flight than a replica takes at once. */
  readonly target: number;
  /** `down.window`: fewer replicas only when so long none of them was needed; 1 min unless told. */
  readonly downWindowMs: number;
  /** `zero`: may it be frozen and removed while nobody calls? Also true with a `min` of 0. */
  readonly zero: boolean;
  /** `zero-duration`: idle for so long, its replicas are removed; 15 min unless told, 0 is never. */
  readonly zeroDurationMs: number;
  /** Annotation `bramble.freeze-after`: idle for so long, its replicas are frozen; 1 min unless told, 0 is never. */
  readonly freezeAfterMs: number;
}

const usualTarget = { capacity: 10, rps: 50, queue: 10 } as const;

/** `maxInflight` is what one replica takes at once; 0 is no limit. */
export function readScale(
  reader: SettingReader,
  { maxInflight }: { readonly maxInflight: number },
): ScaleSettings {
  const label = (name: string) => reader.annotation(`com.openfaas.scale.${name}`);
  const { min, max } = readLimits(reader, label);
  const named = reader.oneOf(label('type'), ['capacity', 'rps', 'queue', 'cpu']);
  const type = named === 'cpu' ? 'capacity' : named;
  const target = reader.integer(named === 'cpu' ? undefined : label('target'), {
    min: 1,
    max: 1_000_000,
    fallback: usualTarget[type],
  });
  return {
    min,
    max,
    // Over 100 OpenFaaS falls back to its default.
    factor: orFallback(reader.integer(label('factor'), { min: 0, max: 1_000_000, fallback: 20 }), 100, 20),
    type,
    target: type === 'capacity' && maxInflight > 0 ? Math.min(target, maxInflight) : target,
    downWindowMs: reader.durationMs(label('down.window'), 60_000),
    zero: min === 0 || reader.oneOf(label('zero'), ['false', 'true']) === 'true',
    zeroDurationMs: reader.durationMs(label('zero-duration'), 15 * 60_000),
    freezeAfterMs: reader.durationMs(reader.annotation('bramble.freeze-after'), 60_000),
  };
}

/**
 * May its replicas be frozen at some time? Then they must run without a health check of Docker's: it cannot be executed
 * in a frozen container, and Swarm ends the task as unhealthy.
 */
export function isFreezable({ zero, freezeAfterMs, zeroDurationMs }: ScaleSettings): boolean {
  return zero && freezeAfterMs > 0 && (zeroDurationMs === 0 || freezeAfterMs < zeroDurationMs);
}

function readLimits(reader: SettingReader, label: (name: string) => ReturnType<SettingReader['annotation']>) {
  const least = label('min');
  const min = reader.integer(least, { min: 0, max: 1_000, fallback: 1 });
  const max = reader.integer(label('max'), { min: 1, max: 1_000, fallback: Math.max(20, min) });
  if (min > max && least !== undefined)
    reader.report(least, `must not be over com.openfaas.scale.max, which is ${max}`);
  return { min, max };
}

function orFallback(value: number, limit: number, fallback: number): number {
  return value > limit ? fallback : value;
}
