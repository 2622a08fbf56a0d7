import { stat } from 'node:fs/promises';
import { type Check, ok, type Verdict, warn } from '../finding.ts';

/** A Pi has no clock that runs without power: until it has found the network its year is one of the past. */
const earliestYear = 2025;
/** systemd-timesyncd touches this file with each synchronisation (systemd-timesyncd.service(8)). */
const synchronizedFile = '/run/systemd/timesync/synchronized';

export function checkClock(nowMs: number, file = synchronizedFile): Check {
  return {
    name: 'clock',
    async run() {
      return [judgeClock(nowMs, await lastSynchronizedMs(file))];
    },
  };
}

export function judgeClock(nowMs: number, synchronizedMs: number | undefined): Verdict {
  const now = new Date(nowMs);
  if (now.getUTCFullYear() < earliestYear) {
    return warn(
      `${now.toISOString()} cannot be true: events and schedules will carry wrong times`,
      'connect to a network and let the time be set: timedatectl set-ntp true',
    );
  }
  const known = synchronizedMs === undefined ? 'not known to be synchronised' : 'synchronised';
  return ok(`${now.toISOString()}, ${known}`);
}

async function lastSynchronizedMs(file: string): Promise<number | undefined> {
  return stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined, // another time service, or none: not to be told from here
  );
}
