import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, type Outcome, retryAfterMs } from '../../../../src/triggers/delivery/decide.ts';
import { buildDeliverySettings } from '../../../support/triggers.ts';

const nowMs = Date.UTC(2026, 0, 1);
const farMs = nowMs + 86_400_000;
const settings = buildDeliverySettings({ attempts: 5, minWaitMs: 1_000, maxWaitMs: 60_000 });

function decided(outcome: Outcome, { attempts = 1, expiresMs = farMs, random = 0.5 } = {}) {
  return decide(outcome, { attempts, expiresMs }, settings, { nowMs, random });
}

function answered(status: number, retryAfter?: string): Outcome {
  return { kind: 'answered', status, retryAfter };
}

test.each([200, 201, 204, 299])('status %i is the end', (status) => {
  expect(decided(answered(status))).toEqual({ action: 'done', status });
});

test.each([408, 425, 429, 500, 502, 503, 504])('status %i is tried again', (status) => {
  expect(decided(answered(status))).toMatchObject({ action: 'retry', status, reason: `status ${status}` });
});

test.each([301, 400, 404, 422, 501])('status %i is a dead letter at once', (status) => {
  expect(decided(answered(status))).toEqual({ action: 'dead', status, reason: `status ${status}` });
});

test('the last attempt that fails makes a dead letter that says how many there were', () => {
  expect(decided(answered(500), { attempts: 5 })).toEqual({
    action: 'dead',
    status: 500,
    reason: 'status 500 after 5 attempts',
  });
});

test('a function that cannot be reached costs no attempt', () => {
  expect(decided({ kind: 'unreached', reason: 'no replica' }, { attempts: 99 })).toEqual({ action: 'wait' });
});

test('an error that trying again cannot help makes a dead letter', () => {
  const outcome: Outcome = { kind: 'failed', isRetryable: false, reason: 'answer too large' };
  expect(decided(outcome)).toEqual({ action: 'dead', status: null, reason: 'answer too large' });
});

test('a delivery without time for another attempt expires instead of waiting', () => {
  expect(decided(answered(503), { expiresMs: nowMs + 100 })).toMatchObject({
    action: 'dead',
    status: 503,
    reason: expect.stringContaining('expired'),
  });
  expect(decided({ kind: 'unreached', reason: 'no replica' }, { expiresMs: nowMs })).toMatchObject({
    action: 'dead',
  });
});

test('waits grow from half the shortest to the longest, whatever chance says', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (attempts, random) => {
        const decision = decided(answered(500), { attempts, random });
        if (decision.action !== 'retry') throw new Error(`not retried: ${decision.action}`);
        const waitMs = decision.dueMs - nowMs;
        expect(waitMs).toBeGreaterThanOrEqual(500);
        expect(waitMs).toBeLessThanOrEqual(Math.min(60_000, 1_000 * 2 ** (attempts - 1)));
      },
    ),
  );
});

describe('Retry-After', () => {
  test('is the least wait', () => {
    expect(decided(answered(429, '120'))).toMatchObject({ action: 'retry', dueMs: nowMs + 120_000 });
    expect(decided(answered(429, '0'), { random: 0 })).toMatchObject({ dueMs: nowMs + 500 });
  });

  test('may be a date', () => {
    expect(retryAfterMs('Thu, 01 Jan 2026 00:02:00 GMT', nowMs)).toBe(120_000);
    expect(retryAfterMs('Thu, 01 Jan 2025 00:02:00 GMT', nowMs)).toBe(0);
  });

  test('is not believed beyond an hour', () => {
    expect(retryAfterMs('999999999', nowMs)).toBe(3_600_000);
  });

  test.each([undefined, '', 'soon', '-5', '1.5'])('that says %j is no wait', (value) => {
    expect(retryAfterMs(value, nowMs)).toBe(0);
  });
});
