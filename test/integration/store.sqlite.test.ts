import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, statSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { BrambleError } from '../../src/support/errors.ts';
import { storeContract } from '../contract/store-contract.ts';
import { newSqliteStore, openSqliteStore, storeWorkerFile } from '../support/store.ts';
import { buildDelivery, buildEvent } from '../support/store-values.ts';
import { canMount, mountTmpfs } from '../support/tmpfs.ts';
import { until } from '../support/wait.ts';

const never = new AbortController().signal;
const when = { nowMs: 0, dedupeMs: 1_000 };
const writer = fileURLToPath(new URL('../support/store-writer.ts', import.meta.url));

storeContract('sqlite in a worker thread', openSqliteStore);

describe('store on disk', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bramble-store-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const startWriter = (round: number, fd: number) =>
    spawn(process.execPath, ['--import', 'tsx', writer, folder, String(round)], {
      stdio: ['ignore', fd, 'inherit'],
    });

  it('has every acknowledged event with its whole fan-out after each of 20 kills', async () => {
    let total = 0;
    for (let round = 0; round < 20; round += 1) {
      const acknowledged = await killAfter(startWriter, folder, round, 1 + Math.random() * 4_000);
      const store = newSqliteStore(folder);
      await store.start(never);
      const [a, b] = [await waitingIds(store, `a${round}`), await waitingIds(store, `b${round}`)];
      await store.stop();
      const present = new Set(a);
      expect(acknowledged.filter((id) => !present.has(id))).toEqual([]);
      expect(b).toEqual(a);
      total += acknowledged.length;
    }
    expect(total).toBeGreaterThan(20);
  }, 120_000);

  it('lets nobody else read what is in it', async () => {
    const data = join(folder, 'new', 'data');
    const store = newSqliteStore(data);
    await store.start(never);
    await store.accept(buildEvent(), [buildDelivery()], when);
    const modes = ['.', 'bramble.db', 'bramble.db-wal'].map(
      (file) => statSync(join(data, file)).mode & 0o777,
    );
    await store.stop();
    expect(modes).toEqual([0o700, 0o600, 0o600]);
  });

  it('refuses a second process on the same folder, and lets it in once the first was killed', async () => {
    const acks = openSync(join(folder, 'acks'), 'w');
    const first = startWriter(0, acks);
    await until('the writer has started', async () => (await readFile(join(folder, 'acks'))).length > 0);
    const second = newSqliteStore(folder);
    await expect(second.start(never)).rejects.toMatchObject({
      code: 'STORE_BROKEN',
      message: `the data folder ${folder} is in use by another agent; stop that one or choose another dataDir`,
    });
    await kill(first);
    closeSync(acks);
    await second.start(never);
    expect((await waitingIds(second, 'a0')).length).toBeGreaterThan(0);
    await second.stop();
  });

  it('makes the data folder, and gives it back when stopped', async () => {
    for (let start = 0; start < 2; start += 1) {
      const store = newSqliteStore(join(folder, 'new', 'data'));
      await store.start(never);
      await store.accept(buildEvent(), [buildDelivery()], when);
      expect(await waitingIds(store, 'light')).toHaveLength(start + 1);
      await store.stop();
    }
  });

  it('names the data folder that it cannot write to', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(newSqliteStore(join(file, 'data')).start(never)).rejects.toMatchObject({
      code: 'STORE_BROKEN',
      message: expect.stringMatching(
        /^cannot write to the data folder .*\/file\/data \(.*\); make it writable/,
      ),
    });
  });

  it('says so when the database is damaged', async () => {
    await writeFile(join(folder, 'bramble.db'), 'x'.repeat(5_000));
    await expect(newSqliteStore(folder).start(never)).rejects.toMatchObject({
      code: 'STORE_BROKEN',
      message: expect.stringContaining('is damaged'),
    });
  });

  it('gives up starting when it is told to stop', async () => {
    await expect(newSqliteStore(folder).start(AbortSignal.abort())).rejects.toThrow();
  });

  it('rejects what is under way when its thread dies, and starts it again with the next request', async () => {
    const frail = join(folder, 'frail-worker.mjs');
    await writeFile(
      frail,
      `import { parentPort } from 'node:worker_threads';
      const isDeadly = ({ name }) => name === 'countOutbox';
      parentPort.on('message', ({ requests = [] }) => requests.some(isDeadly) && process.exit(9));
      await import(${JSON.stringify(storeWorkerFile)});`,
    );
    const store = newSqliteStore(folder, frail);
    await store.start(never);
    const kept = buildEvent();
    await store.accept(kept, [buildDelivery()], when);
    await expect(store.countOutbox()).rejects.toMatchObject({
      code: 'STORE_BROKEN',
      message: expect.stringContaining('exit 9'),
    });
    await store.accept(buildEvent(), [buildDelivery()], when);
    expect((await waitingIds(store, 'light'))[0]).toBe(kept.id);
    await store.stop();
  });
});

const hasMount = canMount() || process.env.CI !== undefined;

describe.skipIf(!hasMount)(
  `store on a full disk${hasMount ? '' : ' (skipped: may not mount a tmpfs)'}`,
  () => {
    let folder: string;
    let unmount: () => void;
    let store: Store;

    beforeEach(async () => {
      ({ folder, unmount } = mountTmpfs(4));
      await writeFile(join(folder, 'ballast'), Buffer.alloc(2 * 1024 * 1024));
      store = newSqliteStore(folder);
      await store.start(never);
    });
    afterEach(async () => {
      await store.stop();
      unmount();
    });
    const makeRoom = () => rm(join(folder, 'ballast'));

    it('refuses with STORE_FULL, and works again by itself once there is room', async () => {
      const { acknowledged, refusals } = await fill(store);
      expect([...refusals]).toEqual(['STORE_FULL']);
      expect(await waitingIds(store, 'a')).toEqual(acknowledged);
      await makeRoom();
      const late = buildEvent();
      await store.accept(late, [buildDelivery({ function: 'a' })], when);
      expect(await waitingIds(store, 'a')).toEqual([...acknowledged, late.id]);
    });

    it('keeps what was acknowledged and nothing else when it is stopped there and started later', async () => {
      const { acknowledged } = await fill(store);
      await store.stop();
      await expect(store.start(never)).rejects.toMatchObject({
        code: 'STORE_FULL',
        message: `the disk of ${folder} is full; make room there`,
      });
      await makeRoom();
      await store.start(never);
      expect(await waitingIds(store, 'a')).toEqual(acknowledged);
      expect(await waitingIds(store, 'b')).toEqual(acknowledged);
    });
  },
);

/** Accepts events until some are refused. */
async function fill(store: Store): Promise<{ acknowledged: string[]; refusals: Set<unknown> }> {
  const acknowledged: string[] = [];
  const refusals = new Set<unknown>();
  const acceptOne = async () => {
    const event = buildEvent({ data: new Uint8Array(2_000) });
    const deliveries = ['a', 'b'].map((name) => buildDelivery({ function: name }));
    try {
      await store.accept(event, deliveries, when);
      acknowledged.push(event.id);
    } catch (err) {
      refusals.add(err instanceof BrambleError ? err.code : err);
    }
  };
  await until('the disk is full', async () => {
    await Promise.all(Array.from({ length: 20 }, acceptOne));
    return refusals.size > 0;
  });
  return { acknowledged, refusals };
}

/** Runs the writer until it has acknowledged `count` events or more, kills it and returns their ids. */
async function killAfter(
  start: (round: number, fd: number) => ChildProcess,
  folder: string,
  round: number,
  count: number,
): Promise<string[]> {
  const file = join(folder, `acks-${round}`);
  const fd = openSync(file, 'w');
  const child = start(round, fd);
  const idsSoFar = async () => (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  await until('enough events are acknowledged', async () => (await idsSoFar()).length >= count);
  await kill(child);
  closeSync(fd);
  return idsSoFar();
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

async function waitingIds(store: Store, functionName: string): Promise<string[]> {
  const ids: string[] = [];
  for (let afterId = 0; ; ) {
    const page = await store.waiting(functionName, { afterId, limit: 5_000 });
    ids.push(...page.map(({ event }) => event.id));
    const last = page.at(-1);
    if (last === undefined) return ids;
    afterId = last.id;
  }
}
