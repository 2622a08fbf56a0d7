import { ManualClock } from '../../../../src/support/clock.manual.ts';
import { ManualScheduler } from '../../../../src/triggers/schedule/scheduler.manual.ts';
import { schedulerContract } from '../../../contract/scheduler-contract.ts';

schedulerContract('manual', () => {
  const clock = new ManualClock();
  return {
    scheduler: new ManualScheduler(clock),
    nowMs: () => clock.nowMs(),
    pass: (ms) => clock.advance(ms),
  };
});
