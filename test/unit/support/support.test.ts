import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { systemClock } from '../../../src/support/clock.system.ts';
import { BrambleError, errorTable, toBrambleError } from '../../../src/support/errors.ts';
import { guard } from '../../../src/support/guard.ts';
import { silentLog } from '../../../src/support/log.ts';
import { check, findProblems } from '../../../src/support/schema.ts';

describe('check', () => {
  const Schema = Type.Object(
    {
      name: Type.String(),
      port: Type.Integer({ maximum: 10, default: 5 }),
      kind: Type.Optional(Type.Enum(['a', 'b'])),
    },
    { additionalProperties: false },
  );

  it('fills in defaults and returns the value', () => {
    expect(check(Schema, { name: 'x' }, { what: 'body' })).toEqual({ name: 'x', port: 5 });
  });

  it('lists every problem with its path, and says what was checked', () => {
    expect(findProblems(Schema, { port: 11, extra: 1, kind: 'c' })).toEqual([
      { path: 'name', message: 'is required' },
      { path: 'extra', message: 'is not a known key' },
      { path: 'port', message: 'must be <= 10, not 11' },
      { path: 'kind', message: 'must be one of a, b, not "c"' },
    ]);
    expect(() => check(Schema, 3, { what: 'request body' })).toThrow(
      'request body is not valid: must be object, not 3',
    );
  });
});

describe('errors', () => {
  it('keeps what it knows and calls the rest internal', () => {
    const known = new BrambleError('BUSY', 'full');
    expect(toBrambleError(known)).toBe(known);
    expect(toBrambleError(new TypeError('odd'))).toMatchObject({
      code: 'INTERNAL',
      message: 'odd',
      status: 500,
    });
  });

  it('has an error or success status and an exit status for every code', () => {
    for (const [code, { status, exit }] of Object.entries(errorTable)) {
      expect(status >= 400 && status < 600, code).toBe(true);
      expect(exit > 0 && exit <= 130, code).toBe(true);
    }
  });
});

describe('guard', () => {
  it('hands a throw and a rejection to the fault handler and lets neither out', async () => {
    const faults: unknown[] = [];
    const note = (err: unknown) => faults.push(err);
    guard(
      silentLog,
      () => {
        throw new Error('thrown');
      },
      note,
    )();
    guard(silentLog, () => Promise.reject(new Error('rejected')), note)();
    await expect.poll(() => faults.length).toBe(2);
  });
});

describe('clocks', () => {
  it('the manual clock runs timers in order of their due times', async () => {
    const clock = new ManualClock();
    const ran: string[] = [];
    clock.after(20, () => ran.push('second'));
    clock.every(15, () => ran.push('period'));
    clock.after(10, () => ran.push('first'));
    clock.after(30, () => ran.push('cancelled'))();
    await clock.advance(30);
    expect(ran).toEqual(['first', 'period', 'second', 'period']);
  });

  it('the manual clock can jump without letting time pass', async () => {
    const clock = new ManualClock(1_000);
    clock.jumpTo(5_000);
    await clock.advance(5);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([5_005, 5]);
  });

  it('the system clock fires timers and cancels them', async () => {
    await new Promise<void>((resolve) => {
      systemClock.after(0, () => expect.unreachable())();
      systemClock.after(1, resolve);
    });
  });
});
