import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../src/store/database.ts';
import { type Engine, openEngine } from '../../../src/store/engine.ts';
import type { Request } from '../../../src/store/operations.ts';
import { migrations } from '../../../src/store/schema.ts';
import { buildDelivery, buildEvent } from '../../support/store-values.ts';

describe('store engine', () => {
  let folder: string;
  let file: string;
  let engine: Engine | undefined;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bramble-engine-'));
    file = join(folder, 'bramble.db');
  });
  afterEach(() => {
    engine?.close();
    engine = undefined;
    rmSync(folder, { recursive: true });
  });

  const open = () => {
    engine = openEngine(file);
    return engine;
  };
  const close = () => {
    engine?.close();
    engine = undefined;
  };
  const look = (sql: string): unknown[] => {
    const db = new DatabaseSync(file);
    const rows = db
      .prepare(sql)
      .all()
      .map((row: object) => ({ ...row }));
    db.close();
    return rows;
  };

  it('syncs the journal with each commit', () => {
    const { db, close: closeDatabase } = openDatabase(file);
    expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    expect(db.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 }); // FULL
    closeDatabase();
  });

  it('keeps what it holds from one start to the next', () => {
    open().applyBatch([accept('a')]);
    close();
    const [reply] = open().applyBatch([{ name: 'waiting', args: ['a', { afterId: 0, limit: 9 }] }]);
    expect(reply).toMatchObject({ ok: true, result: [{ function: 'a' }] });
  });

  it('holds the body of an event once, until the last delivery or dead letter of it is gone', () => {
    const bodies = () => look('SELECT count(*) AS bodies FROM events');
    const store = open();
    store.applyBatch([accept('a', 'b')]);
    expect(bodies()).toEqual([{ bodies: 1 }]);
    store.applyBatch([{ name: 'settle', args: [1, { outcome: 'done' }, { nowMs: 0 }] }]);
    store.applyBatch([
      { name: 'settle', args: [2, { outcome: 'dead', status: null, reason: 'x' }, { nowMs: 0 }] },
    ]);
    expect(bodies()).toEqual([{ bodies: 1 }]);
    store.applyBatch([{ name: 'replay', args: [[1], { nowMs: 0, ttlMs: 1 }] }]);
    expect(bodies()).toEqual([{ bodies: 1 }]);
    store.applyBatch([{ name: 'abandon', args: ['b', 'removed', 0] }]);
    store.applyBatch([{ name: 'purge', args: [{}] }]);
    expect(bodies()).toEqual([{ bodies: 0 }]);
  });

  it('counts queues as they are, whatever happened to them', () => {
    const store = open();
    store.applyBatch(Array.from({ length: 20 }, (_, i) => accept(i % 2 ? 'a' : 'b')));
    store.applyBatch([
      { name: 'settle', args: [1, { outcome: 'done' }, { nowMs: 0 }] },
      { name: 'settle', args: [1, { outcome: 'done' }, { nowMs: 0 }] },
      { name: 'settle', args: [2, { outcome: 'dead', status: 1, reason: 'x' }, { nowMs: 0 }] },
      { name: 'settle', args: [3, { outcome: 'retry', dueMs: 1, status: 1, reason: 'x' }, { nowMs: 0 }] },
      { name: 'replay', args: [[1], { nowMs: 0, ttlMs: 1 }] },
    ]);
    expect(look('SELECT function, waiting FROM queues ORDER BY function')).toEqual(
      look('SELECT function, count(*) AS waiting FROM deliveries GROUP BY function ORDER BY function'),
    );
  });

  it('undoes all of a request that fails half-way, and nothing else', () => {
    const store = open();
    const broken = accept('a', 'b');
    const late: Request = {
      name: 'accept',
      args: [
        buildEvent(),
        [buildDelivery({ function: 'a' }), buildDelivery({ expiresMs: Number.NaN })],
        when,
      ],
    };
    const replies = store.applyBatch([accept('a'), late, broken]);
    expect(replies.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(look('SELECT count(*) AS events FROM events')).toEqual([{ events: 2 }]);
    expect(look('SELECT count(*) AS ids FROM seen')).toEqual([{ ids: 2 }]);
    expect(look('SELECT function, waiting FROM queues ORDER BY function')).toEqual([
      { function: 'a', waiting: 2 },
      { function: 'b', waiting: 1 },
    ]);
  });

  it('refuses a database that a newer version wrote, and leaves it alone', () => {
    open();
    close();
    const db = new DatabaseSync(file);
    db.exec(`PRAGMA user_version = ${migrations.length + 1}`);
    db.close();
    expect(open).toThrowError(/newer Bramble \(schema \d+, this one knows \d+\)/);
    expect(look('PRAGMA user_version')).toEqual([{ user_version: migrations.length + 1 }]);
  });

  it('refuses a file that is no database, and leaves it alone', () => {
    writeFileSync(file, 'not a database, but long enough to be looked at as one');
    expect(open).toThrowError(/bramble\.db is damaged .* move the file away/);
    expect(readFileSync(file, 'utf8')).toContain('not a database');
  });

  it('refuses a folder that another engine has, until that one lets go of it', () => {
    open();
    expect(() => openEngine(file)).toThrowError(/in use by another agent; stop that one/);
    close();
    expect(open().applyBatch([accept('a')])).toMatchObject([{ ok: true }]);
  });

  it('lets go of the folder when it could not open the database', () => {
    writeFileSync(file, 'not a database, but long enough to be looked at as one');
    expect(open).toThrowError(/damaged/);
    rmSync(file);
    expect(open().applyBatch([accept('a')])).toMatchObject([{ ok: true }]);
  });
});

const when = { nowMs: 0, dedupeMs: 1_000 };

function accept(...functions: string[]): Request {
  const deliveries = functions.map((name) => buildDelivery({ function: name }));
  return { name: 'accept', args: [buildEvent(), deliveries, when] };
}
