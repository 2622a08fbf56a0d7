import { expect, test } from 'vitest';
import { ManualClock } from '../../../../src/support/clock.manual.ts';
import { BrambleError } from '../../../../src/support/errors.ts';
import { withLimit } from '../../../../src/triggers/delivery/with-limit.ts';

const late = () => new BrambleError('UNREACHABLE', 'too late');
const never = () => new Promise<string>(() => {});

test('what ends in time leaves nothing behind', async () => {
  const clock = new ManualClock();
  const { signal } = new AbortController();
  expect(await withLimit(async () => 'done', { clock, signal, limitMs: 100, late })).toBe('done');
  expect(clock.pendingTimers).toBe(0);
});

test('what takes too long is told to stop, and not waited for', async () => {
  const clock = new ManualClock();
  let inner: AbortSignal | undefined;
  const running = withLimit(
    (signal) => {
      inner = signal;
      return never();
    },
    { clock, signal: new AbortController().signal, limitMs: 100, late },
  );
  const failed = expect(running).rejects.toMatchObject({ code: 'UNREACHABLE' });
  await clock.advance(99);
  expect(inner?.aborted).toBe(false);
  await clock.advance(1);
  expect(inner?.aborted).toBe(true);
  await failed;
});

test('the outer signal ends it with its own reason', async () => {
  const [clock, outer] = [new ManualClock(), new AbortController()];
  const running = withLimit(never, { clock, signal: outer.signal, limitMs: 100, late });
  outer.abort(new BrambleError('CANCELLED', 'stopping'));
  await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(clock.pendingTimers).toBe(0);
});

test('nothing begins after the outer signal', async () => {
  let hasBegun = false;
  const begin = async () => {
    hasBegun = true;
  };
  const signal = AbortSignal.abort(new BrambleError('CANCELLED', 'stopping'));
  await expect(withLimit(begin, { clock: new ManualClock(), signal, limitMs: 1, late })).rejects.toThrow(
    'stopping',
  );
  expect(hasBegun).toBe(false);
});
