import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mostTicksAtOnce, planTicks } from '../../../../src/triggers/schedule/plan-ticks.ts';
import { tickTimes } from '../../../../src/triggers/schedule/tick-times.ts';

const everyMinute = tickTimes({ expression: '* * * * *', timeZone: 'UTC' });
const minuteMs = 60_000;
const start = Date.UTC(2026, 5, 1);

function minutes(plan: ReturnType<typeof planTicks>): number[] {
  return plan.fire.map(({ atMs }) => (atMs - start) / minuteMs);
}

test('a tick that falls due now is fired, and the next is planned', () => {
  const plan = planTicks(everyMinute, { lastMs: start, nowMs: start + minuteMs + 5, missed: 'skip' });
  expect(plan).toEqual({
    fire: [{ atMs: start + minuteMs, isLate: false }],
    missed: 0,
    nextMs: start + 2 * minuteMs,
  });
});

test('nothing is due before the next tick', () => {
  const plan = planTicks(everyMinute, { lastMs: start, nowMs: start + 59_999, missed: 'all' });
  expect(plan).toEqual({ fire: [], missed: 0, nextMs: start + minuteMs });
});

const hourly = tickTimes({ expression: '0 * * * *', timeZone: 'UTC' });
const afterThree = { lastMs: start, nowMs: start + 3.5 * 3_600_000 };

test.each([
  { missed: 'skip', fired: [], left: 3 },
  { missed: 'once', fired: [180], left: 2 },
  { missed: 'all', fired: [60, 120, 180], left: 0 },
] as const)('of three missed ticks the policy $missed makes up for $fired', ({ missed, fired, left }) => {
  const plan = planTicks(hourly, { ...afterThree, missed });
  expect(minutes(plan)).toEqual(fired);
  expect(plan.missed).toBe(left);
  expect(plan.fire.every(({ isLate }) => isLate)).toBe(true);
});

test('a tick that is on time makes up for those before it', () => {
  const plan = planTicks(everyMinute, { lastMs: start, nowMs: start + 5 * minuteMs, missed: 'once' });
  expect(minutes(plan)).toEqual([4, 5]); // both within the minute of grace
});

test('a clock that is set from 1970 to today makes up for the latest ticks only', () => {
  const plan = planTicks(everyMinute, { lastMs: 0, nowMs: start, missed: 'all' });
  expect(plan.fire.length).toBe(mostTicksAtOnce);
  expect(plan.fire.at(-1)?.atMs).toBe(start);
});

test('a schedule that never comes again has no next tick', () => {
  const never = { next: () => undefined };
  expect(planTicks(never, { lastMs: 0, nowMs: start, missed: 'all' })).toEqual({
    fire: [],
    missed: 0,
    nextMs: undefined,
  });
});

test('looking often or seldom, each tick is planned once and in order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 * minuteMs }), { maxLength: 30 }), (pauses) => {
      let [lastMs, nowMs] = [start, start];
      const fired: number[] = [];
      for (const pauseMs of pauses) {
        nowMs += pauseMs;
        const { fire } = planTicks(everyMinute, { lastMs, nowMs, missed: 'all' });
        fired.push(...fire.map(({ atMs }) => atMs));
        lastMs = fire.at(-1)?.atMs ?? lastMs;
      }
      const count = Math.floor((nowMs - start) / minuteMs);
      expect(fired).toEqual(Array.from({ length: count }, (_, i) => start + (i + 1) * minuteMs));
    }),
  );
});
