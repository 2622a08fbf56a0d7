import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Store } from '../../src/store/store.ts';
import { openSqliteStore } from '../support/store.ts';
import { buildDelivery, buildEvent } from '../support/store-values.ts';

export interface StoreBenchRow {
  readonly concurrency: number;
  readonly acceptedPerSecond: number;
  /** One record appended and synced after the other: what the disk can do. */
  readonly appendsPerSecond: number;
  readonly ratio: number;
}

const roundMs = 1_000;
const rounds = 3;
const record = Buffer.alloc(200, 'x');
const delivery = buildDelivery({ queue: { limit: 10_000_000, whenFull: 'reject' } });

/** Acceptance of 200-byte events for one function, against plain appends on the same disk, turn and turn about. */
export async function benchStore(): Promise<StoreBenchRow[]> {
  const { store, folder, close } = await openSqliteStore();
  try {
    const rows: StoreBenchRow[] = [];
    for (const concurrency of [1, 16, 256]) {
      const accepted: number[] = [];
      const appended: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        appended.push(appendForRound(join(folder, 'appends')));
        accepted.push(await acceptForRound(store, concurrency));
      }
      const [acceptedPerSecond, appendsPerSecond] = [median(accepted), median(appended)];
      rows.push({
        concurrency,
        acceptedPerSecond,
        appendsPerSecond,
        ratio: acceptedPerSecond / appendsPerSecond,
      });
    }
    return rows;
  } finally {
    await close();
  }
}

async function acceptForRound(store: Store, concurrency: number): Promise<number> {
  const startMs = performance.now();
  let count = 0;
  const acceptOneByOne = async () => {
    while (performance.now() - startMs < roundMs) {
      await store.accept(buildEvent({ data: record }), [delivery], { nowMs: Date.now(), dedupeMs: 600_000 });
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, acceptOneByOne));
  return perSecond(count, startMs);
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
  return perSecond(count, startMs);
}

function perSecond(count: number, startMs: number): number {
  return Math.round((count * 1_000) / (performance.now() - startMs));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.table(await benchStore());
}
