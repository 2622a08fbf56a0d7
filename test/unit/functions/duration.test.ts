import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../../src/functions/duration.ts';

describe('a duration', () => {
  it.each([
    ['30', 30_000],
    ['0', 0],
    ['0s', 0],
    ['1.5s', 1_500],
    ['1h2m3s', 3_723_000],
    ['300ms', 300],
    ['.5m', 30_000],
    ['0.1s', 100],
    ['24h', 86_400_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['100us', '1ns', '0.2ms'])(
    'that is as short as %s is rounded up, so that it stays a limit',
    (text) => {
      expect(parseDuration(text)).toBe(1);
    },
  );

  it.each(['', 's', '-1s', '1 s', '1.5', '1x', '1s2', ' 1s', '1e3s', 'NaN', '9'.repeat(400)])(
    'is not written like "%s"',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it('is the sum of its parts', () => {
    const part = fc.nat(1_000);
    fc.assert(
      fc.property(part, part, part, part, (h, m, s, ms) => {
        expect(parseDuration(`${h}h${m}m${s}s${ms}ms`)).toBe(h * 3_600_000 + m * 60_000 + s * 1_000 + ms);
      }),
    );
  });

  it('never throws, and is a whole number that is not negative when it is one at all', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^[\d.]{0,5}(ns|us|ms|s|m|h)?[\d.]{0,3}[smh]?$/)),
        (text) => {
          const ms = parseDuration(text);
          expect(ms === undefined || (Number.isSafeInteger(ms) && ms >= 0)).toBe(true);
        },
      ),
    );
  });
});
