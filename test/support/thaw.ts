import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const freezers = '/sys/fs/cgroup/freezer';
const againMs = 100;

/**
 * Lets frozen processes die: in version 1 of cgroups a signal waits until they are thawed, and a power cut must not. Resolves when
 * `ended` does; until then somebody who is dying himself may freeze more.
 */
export async function thawUntil(pids: readonly number[], ended: Promise<unknown>): Promise<void> {
  thaw(pids);
  const again = setInterval(() => thaw(pids), againMs);
  try {
    await ended;
  } finally {
    clearInterval(again);
  }
}

function thaw(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      const [, group] = /^\d+:freezer:(.+)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8')) ?? [];
      if (group !== undefined && group !== '/') writeFileSync(`${freezers}${group}/freezer.state`, 'THAWED');
    } catch {
      // it has ended, or there is nothing to thaw
    }
  }
}

/** All in a cgroup of version 1, and in those below it. */
export function thawBelow(folder: string): void {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
      if (entry.name === 'freezer.state') writeFileSync(join(entry.parentPath, entry.name), 'THAWED');
  } catch {
    // another run has removed it meanwhile
  }
}
