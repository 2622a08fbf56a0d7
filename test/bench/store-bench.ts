import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Store } from '../../src/store/store.ts';
import { openSqliteStore } from '../support/store.ts';
import { buildDelivery, buildEvent } from '../support/store-values.ts';
import { compete, load } from './measure.ts';
import type { Bench, Row } from './rows.ts';

const roundMs = 1_000;
const rounds = 3;
const record = Buffer.alloc(200, 'x');
const delivery = buildDelivery({ queue: { limit: 10_000_000, whenFull: 'reject' } });

export const storeBench: Bench = {
  name: 'store',
  title: 'Events onto the disk',
  method:
    'Acceptance of an event of 200 bytes with its share for one function, one transaction of group commit, by so many ' +
    'callers at once; against one caller who appends 200 bytes to a file and syncs, again and again: what the disk can do.',
  async measure() {
    const { store, folder, close } = await openSqliteStore();
    try {
      const rows: Row[] = [];
      for (const concurrency of [1, 16, 256]) {
        const { ours, appends } = await compete(rounds, {
          appends: async () => appendForRound(join(folder, 'appends')),
          ours: () => acceptForRound(store, concurrency),
        });
        rows.push({
          what: `accepted, ${concurrency} callers`,
          ours,
          unit: '/s',
          reference: { what: 'append and fdatasync', value: appends },
        });
      }
      return rows;
    } finally {
      await close();
    }
  },
};

async function acceptForRound(store: Store, concurrency: number): Promise<number> {
  const accept = async () => {
    await store.accept(buildEvent({ data: record }), [delivery], { nowMs: Date.now(), dedupeMs: 600_000 });
  };
  return (await load(accept, { concurrency, durationMs: roundMs })).perSecond;
}

function appendForRound(file: string): number {
  const fd = openSync(file, 'a');
  const startMs = performance.now();
  let count = 0;
  while (performance.now() - startMs < roundMs) {
    writeSync(fd, record);
    fdatasyncSync(fd);
    count += 1;
  }
  closeSync(fd);
  return (count * 1_000) / (performance.now() - startMs);
}
