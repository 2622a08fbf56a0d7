import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockProject } from '../../../../provision/up/project-lock.ts';
import { removeFolder } from '../../../support/remove-folder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bramble-lock-'));
  mkdirSync(join(folder, '.bramble'));
});
afterEach(() => removeFolder(folder));

it('of several that find the lock of one who is gone, one goes on', async () => {
  const gone = { pid: 2 ** 22 + 1, host: hostname() }; // above the largest that Linux gives (proc(5), pid_max)
  for (let round = 0; round < 50; round += 1) {
    writeFileSync(join(folder, '.bramble', 'up.lock'), JSON.stringify(gone));
    const all = Array.from({ length: 8 }, async (_, i) => {
      for (let turn = 0; turn < i * round; turn += 1) await new Promise(setImmediate);
      return lockProject(join(folder, 'bramble.yaml'));
    });
    const settled = await Promise.allSettled(all);
    const winners = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(winners).toHaveLength(1);
    const losers = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
    expect(losers).toEqual(Array(7).fill('CONFLICT'));
    await winners[0]?.();
    expect(readdirSync(join(folder, '.bramble'))).toEqual([]);
  }
});
