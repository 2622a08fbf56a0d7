import { describe, expect, test } from 'vitest';
import { scheduleProblem, tickTimes } from '../../../../src/triggers/schedule/tick-times.ts';

const hourMs = 3_600_000;

/** Evening before each change of 2026, in UTC. */
const changes = [
  { timeZone: 'Europe/Vienna', spring: '2026-03-28T20:00Z', autumn: '2026-10-24T20:00Z' },
  { timeZone: 'America/New_York', spring: '2026-03-08T02:00Z', autumn: '2026-11-01T01:00Z' },
  { timeZone: 'Australia/Lord_Howe', spring: '2026-10-03T12:00Z', autumn: '2026-04-04T12:00Z' },
];

/** Ticks of the twelve hours around a change, as ISO times without seconds. */
function ticks(expression: string, timeZone: string, from: string): string[] {
  const times = tickTimes({ expression, timeZone });
  const endMs = Date.parse(from) + 12 * hourMs;
  const found: string[] = [];
  for (let at = times.next(Date.parse(from)); at !== undefined && at < endMs; at = times.next(at)) {
    found.push(new Date(at).toISOString().slice(5, 16));
  }
  return found;
}

describe.each(changes)(
  'over the changes of daylight saving time in $timeZone',
  ({ timeZone, spring, autumn }) => {
    test.each([
      ['spring', spring],
      ['autumn', autumn],
    ])('every ten minutes is every ten minutes in %s', (_, from) => {
      const times = tickTimes({ expression: '*/10 * * * *', timeZone });
      let at = times.next(Date.parse(from)) ?? 0;
      for (let n = 0; n < 72; n += 1) {
        const next = times.next(at) ?? 0;
        expect(next - at).toBe(600_000);
        at = next;
      }
    });

    test.each([
      ['spring', spring],
      ['autumn', autumn],
    ])('a fixed time comes exactly once in %s, whenever one looks', (_, from) => {
      for (const expression of ['30 2 * * *', '45 1 * * *', '0 2 * * *', '15 2 * * *']) {
        const all = ticks(expression, timeZone, from);
        expect(all.length).toBe(1);
        // The answer is the same from every starting point, also from within the hour that comes twice.
        const tickMs = Date.parse(`2026-${all[0]}Z`);
        const times = tickTimes({ expression, timeZone });
        for (let at = Date.parse(from); at < tickMs; at += 150_000) expect(times.next(at)).toBe(tickMs);
        expect(times.next(tickMs) ?? 0).toBeGreaterThan(tickMs + 20 * hourMs);
      }
    });
  },
);

test.each([
  // 02:00 to 03:00 is left out: the first moment after it.
  { timeZone: 'Europe/Vienna', from: '2026-03-28T20:00Z', tick: '03-29T01:00' },
  { timeZone: 'America/New_York', from: '2026-03-08T02:00Z', tick: '03-08T07:00' },
  // 02:30 comes twice in Vienna: the first. In New York the hour from 01:00 does.
  { timeZone: 'Europe/Vienna', from: '2026-10-24T20:00Z', tick: '10-25T00:30' },
  { timeZone: 'America/New_York', from: '2026-11-01T01:00Z', tick: '11-01T07:30' },
  // Lord Howe moves by half an hour, at 02:00.
  { timeZone: 'Australia/Lord_Howe', from: '2026-10-03T12:00Z', tick: '10-03T15:30' },
  { timeZone: 'Australia/Lord_Howe', from: '2026-04-04T12:00Z', tick: '04-04T16:00' },
])('02:30 in $timeZone after $from is $tick UTC', ({ timeZone, from, tick }) => {
  expect(ticks('30 2 * * *', timeZone, from)).toEqual([tick]);
});

test('several fixed times come once each when their hour comes twice', () => {
  expect(ticks('0,30 2 * * *', 'Europe/Vienna', '2026-10-24T20:00Z')).toEqual(['10-25T00:00', '10-25T00:30']);
});

test('seconds may be given', () => {
  const times = tickTimes({ expression: '*/20 * * * * *', timeZone: 'UTC' });
  expect(times.next(0)).toBe(20_000);
});

test.each([
  { expression: '* * * * *', timeZone: 'UTC', problem: undefined },
  { expression: '*/5 * * * * *', timeZone: 'Europe/Vienna', problem: undefined },
  { expression: 'now and then', timeZone: 'UTC', problem: 'five or six fields' },
  { expression: '* * * * * * *', timeZone: 'UTC', problem: 'five or six fields' },
  { expression: '61 * * * *', timeZone: 'UTC', problem: 'five or six fields' },
  { expression: '0 0 31 2 *', timeZone: 'UTC', problem: 'never comes' },
  { expression: '* * * * *', timeZone: 'Mars/Olympus', problem: 'not a time zone' },
])('"$expression" in $timeZone has the problem: $problem', ({ expression, timeZone, problem }) => {
  const found = scheduleProblem({ expression, timeZone });
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found).toContain(problem);
});
