import { describe, expect, test } from 'vitest';
import type { Scheduler } from '../../src/triggers/schedule/scheduler.ts';
import { until } from '../support/wait.ts';

export interface SchedulerUnderTest {
  readonly scheduler: Scheduler;
  readonly nowMs: () => number;
  /** Lets so much time pass. */
  readonly pass: (ms: number) => Promise<void>;
}

/** What every alarm clock promises. */
export function schedulerContract(kind: string, open: () => SchedulerUnderTest): void {
  describe(`scheduler ${kind}`, () => {
    test('rings once, not before the time', async () => {
      const { scheduler, nowMs, pass } = open();
      const rings: number[] = [];
      const atMs = Math.ceil(nowMs() / 1_000) * 1_000 + 1_000;
      scheduler.wakeAt(atMs, () => rings.push(nowMs()));

      await until('it rings', async () => {
        await pass(100);
        return rings.length > 0;
      });
      await pass(1_100);

      expect(rings.length).toBe(1);
      expect(rings[0]).toBeGreaterThanOrEqual(atMs - 1); // Node's timers may be a fraction early
    });

    test('rings soon when the time is past', async () => {
      const { scheduler, nowMs, pass } = open();
      let rings = 0;
      scheduler.wakeAt(nowMs() - 5_000, () => {
        rings += 1;
      });
      await until('it rings', async () => {
        await pass(1);
        return rings === 1;
      });
    });

    test('does not ring when it was cancelled', async () => {
      const { scheduler, nowMs, pass } = open();
      let rings = 0;
      const ring = () => {
        rings += 1;
      };
      const soonMs = Math.ceil(nowMs() / 1_000) * 1_000 + 1_000;
      const cancels = [scheduler.wakeAt(soonMs, ring), scheduler.wakeAt(nowMs(), ring)];
      for (const cancel of cancels) cancel();

      let last = false;
      scheduler.wakeAt(soonMs + 1_000, () => {
        last = true;
      });
      await until('a later alarm rings', async () => {
        await pass(100);
        return last;
      });

      expect(rings).toBe(0);
    });

    test('tells what is wrong with a schedule', () => {
      const { scheduler } = open();
      expect(scheduler.problem({ expression: '*/10 * * * *', timeZone: 'Europe/Vienna' })).toBeUndefined();
      expect(scheduler.problem({ expression: '61 * * * *', timeZone: 'UTC' })).toContain('61 * * * *');
      expect(scheduler.problem({ expression: '* * * * *', timeZone: 'Mars/Olympus' })).toContain(
        'Mars/Olympus',
      );
    });
  });
}
