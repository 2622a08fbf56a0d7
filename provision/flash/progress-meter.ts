import type { Clock } from '../../src/support/clock.ts';
import type { FlashProgress } from './flash-disk.ts';

export interface Pace {
  /** Of the last seconds; `undefined` until there is something to go by. */
  readonly bytesPerSecond: number | undefined;
  /** Until the end of the stage. */
  readonly secondsLeft: number | undefined;
}

interface Sample {
  readonly atMs: number;
  readonly doneBytes: number;
  readonly ratio: number;
}

/** Long enough to even out the pauses of a card, short enough to show that it became slow. */
const spanMs = 8_000;
const sampleMs = 250;

/** Tells how fast one card is, and how long its stage will take still. */
export function createMeter(clock: Pick<Clock, 'monotonicMs'>): (progress: FlashProgress) => Pace {
  let stage: FlashProgress['stage'] | undefined;
  let samples: Sample[] = [];
  return (progress) => {
    const now = { atMs: clock.monotonicMs(), doneBytes: progress.doneBytes, ratio: progress.ratio };
    if (progress.stage !== stage) samples = [];
    stage = progress.stage;
    const last = samples.at(-1);
    if (last === undefined || now.atMs - last.atMs >= sampleMs) samples.push(now);
    while (samples.length > 2 && now.atMs - (samples[0]?.atMs ?? 0) > spanMs) samples.shift();
    return paceBetween(samples[0] ?? now, now);
  };
}

function paceBetween(first: Sample, now: Sample): Pace {
  const seconds = (now.atMs - first.atMs) / 1000;
  const ratio = now.ratio - first.ratio;
  if (seconds < sampleMs / 1000 || ratio <= 0) return { bytesPerSecond: undefined, secondsLeft: undefined };
  return {
    bytesPerSecond: (now.doneBytes - first.doneBytes) / seconds,
    secondsLeft: ((1 - now.ratio) * seconds) / ratio,
  };
}
