import { setTimeout as pass } from 'node:timers/promises';
import { systemClock } from '../../src/support/clock.system.ts';
import { silentLog } from '../../src/support/log.ts';
import { CronScheduler } from '../../src/triggers/schedule/scheduler.cron.ts';
import { schedulerContract } from '../contract/scheduler-contract.ts';

schedulerContract('node-cron', () => ({
  scheduler: new CronScheduler({ clock: systemClock, log: silentLog }),
  nowMs: () => Date.now(),
  pass: (ms) => pass(ms),
}));
