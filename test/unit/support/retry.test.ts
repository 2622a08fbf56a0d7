import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { BrambleError } from '../../../src/support/errors.ts';
import { backoffMs, retry } from '../../../src/support/retry.ts';

describe('backoffMs', () => {
  it('stays between half the minimum and the maximum for every attempt', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.nat(),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempt, extra, random) => {
          const waitMs = backoffMs(attempt, { minMs: 100, maxMs: 100 + (extra % 100_000) }, random);
          return waitMs >= 50 && waitMs <= 100 + (extra % 100_000);
        },
      ),
    );
  });

  it('doubles its ceiling with each attempt', () => {
    expect([1, 2, 3, 4].map((attempt) => backoffMs(attempt, { minMs: 100, maxMs: 500 }, 1))).toEqual([
      100, 200, 400, 500,
    ]);
  });
});

describe('retry', () => {
  const options = (clock: ManualClock) => ({ clock, minMs: 10, maxMs: 10, random: () => 1 });

  it('tries again after a retryable error and returns the first success', async () => {
    const clock = new ManualClock();
    let attempts = 0;
    const result = retry(async () => {
      attempts += 1;
      if (attempts < 3) throw new BrambleError('BUS_OFFLINE', 'no broker');
      return 'done';
    }, options(clock));
    await clock.advance(100);
    expect([await result, attempts]).toEqual(['done', 3]);
  });

  it('gives up at once on an error that trying again cannot cure', async () => {
    let attempts = 0;
    const run = async () => {
      attempts += 1;
      throw new BrambleError('INVALID', 'bad');
    };
    await expect(retry(run, options(new ManualClock()))).rejects.toThrow('bad');
    expect(attempts).toBe(1);
  });

  it('gives up after the attempts asked for', async () => {
    const clock = new ManualClock();
    const run = () => Promise.reject(new BrambleError('UNREACHABLE', 'nobody'));
    const result = expect(retry(run, { ...options(clock), attempts: 2 })).rejects.toThrow('nobody');
    await clock.advance(100);
    await result;
  });

  it('stops waiting when the signal is aborted', async () => {
    const clock = new ManualClock();
    const abort = new AbortController();
    const run = () => Promise.reject(new BrambleError('UNREACHABLE', 'nobody'));
    const result = expect(retry(run, { ...options(clock), signal: abort.signal })).rejects.toThrow(
      'stopping',
    );
    await clock.advance(1);
    abort.abort(new Error('stopping'));
    await result;
    expect(clock.pendingTimers).toBe(0);
  });
});
