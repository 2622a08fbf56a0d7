import { describe, expect, it } from 'vitest';
import type { FlashStage } from '../../../../provision/flash/flash-disk.ts';
import { createMeter } from '../../../../provision/flash/progress-meter.ts';

const totalBytes = 1_000_000;

/** A second after the one before, each. */
function measure(...done: readonly [stage: FlashStage, doneBytes: number][]) {
  let nowMs = 0;
  const meter = createMeter({ monotonicMs: () => nowMs });
  return done.map(([stage, doneBytes]) => {
    const pace = meter({ stage, doneBytes, totalBytes, ratio: doneBytes / totalBytes });
    nowMs += 1_000;
    return pace;
  });
}

describe('the pace of a card', () => {
  it('is not known at the beginning of a stage', () => {
    const unknown = { bytesPerSecond: undefined, secondsLeft: undefined };
    expect(measure(['write', 0], ['write', 900_000], ['verify', 1_000])).toEqual([
      unknown,
      { bytesPerSecond: 900_000, secondsLeft: expect.closeTo(0.111, 3) },
      unknown,
    ]);
  });

  it('is that of the last seconds, so that a card that becomes slow is seen', () => {
    const fast = Array.from({ length: 5 }, (_, i): ['write', number] => ['write', i * 100_000]);
    const slow = Array.from({ length: 12 }, (_, i): ['write', number] => [
      'write',
      400_000 + (i + 1) * 1_000,
    ]);
    const last = measure(...fast, ...slow).at(-1);
    expect(last?.bytesPerSecond).toBeCloseTo(1_000);
    expect(last?.secondsLeft).toBeCloseTo(588);
  });

  it('is not known of a card that stands still', () => {
    const stuck = Array.from({ length: 20 }, (): ['write', number] => ['write', 1_000]);
    expect(measure(...stuck).at(-1)).toEqual({ bytesPerSecond: undefined, secondsLeft: undefined });
  });
});
