import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SqliteStore } from '../../src/store/store.sqlite.ts';
import { silentLog } from '../../src/support/log.ts';

export const storeWorkerFile = fileURLToPath(new URL('../../dist/store-worker.js', import.meta.url));

/** A store on disk that is not started yet. */
export function newSqliteStore(folder: string, workerFile = storeWorkerFile): SqliteStore {
  return new SqliteStore({ file: join(folder, 'bramble.db'), workerFile, log: silentLog });
}

/** A started store in a folder of its own; `close` stops it and removes the folder. */
export async function openSqliteStore(): Promise<{
  store: SqliteStore;
  folder: string;
  close: () => Promise<void>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-store-'));
  const store = newSqliteStore(folder);
  await store.start(new AbortController().signal);
  return {
    store,
    folder,
    async close() {
      await store.stop();
      await rm(folder, { recursive: true });
    },
  };
}
