import { dirname } from 'node:path';
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import { BrambleError, toBrambleError } from '../support/errors.ts';
import { migrations } from './schema.ts';

export type Database = DatabaseSyncInstance;

/** Another program (a person's `sqlite3`) may hold the file for so long. */
const busyTimeoutMs = 5_000;
/** After a burst the journal is cut back to this. */
const journalLimitBytes = 64 * 1024 * 1024;

/** Primary result codes of SQLite, https://sqlite.org/rescode.html */
const busy = 5;
const locked = 6;
const readOnly = 8;
const ioError = 10;
const corrupt = 11;
const full = 13;
const cannotOpen = 14;
const notADatabase = 26;
/** IOERR_SHMSIZE: the shared memory beside the file could not grow, which happens on a full disk only. */
const ioErrorShmSize = 4874;
/** ENOSPC and EDQUOT, as the kernel numbers them. */
const noSpaceErrnos: readonly unknown[] = [28, 122];

export interface OpenDatabase {
  readonly db: Database;
  /** Closes the database, for which SQLite moves the journal into it, and lets go of the folder. */
  close(): void;
}

/**
 * Opens or creates the database and brings it to the newest schema. The folder is ours alone until `close` or the end
 * of the process: a second agent on it would deliver everything twice.
 */
export function openDatabase(file: string): OpenDatabase {
  const lock = file === ':memory:' ? undefined : lockFolder(file);
  let db: Database | undefined;
  try {
    const opened = new DatabaseSync(file);
    db = opened;
    configure(opened);
    migrate(opened, file);
    return {
      db: opened,
      close() {
        opened.close();
        lock?.close();
      },
    };
  } catch (err) {
    db?.close();
    lock?.close();
    throw toStoreError(err, file);
  }
}

/**
 * The lock is SQLite's own, a kernel lock on a file beside the database: it ends with the process however that ends,
 * and holds between containers too, where a process id written to a file would mean nothing.
 */
function lockFolder(file: string): Database {
  let lock: Database | undefined;
  try {
    lock = new DatabaseSync(`${file}.lock`);
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return lock;
  } catch (err) {
    lock?.close();
    if (primaryCode(err) !== busy) throw toStoreError(err, file);
    throw new BrambleError(
      'STORE_BROKEN',
      `the data folder ${dirname(file)} is in use by another agent; stop that one or choose another dataDir`,
      { cause: err },
    );
  }
}

/** WAL with a sync at each commit: one fsync per transaction, and what was committed survives a power cut. */
function configure(db: Database): void {
  db.exec(`
    PRAGMA busy_timeout = ${busyTimeoutMs};
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA journal_size_limit = ${journalLimitBytes};
  `);
}

function migrate(db: Database, file: string): void {
  const row: { user_version: number } = db.prepare('PRAGMA user_version').get();
  if (row.user_version > migrations.length)
    throw new BrambleError(
      'STORE_BROKEN',
      `${file} was written by a newer Bramble (schema ${row.user_version}, this one knows ${migrations.length}); ` +
        'install that version again or choose another dataDir',
    );
  for (const [version, sql] of migrations.entries()) {
    if (version >= row.user_version) db.exec(`BEGIN; ${sql}; PRAGMA user_version = ${version + 1}; COMMIT`);
  }
}

/** What SQLite throws as one of our errors, with what a person can do about it. */
export function toStoreError(thrown: unknown, file: string): BrambleError {
  const folder = dirname(file);
  switch (primaryCode(thrown)) {
    case full:
      return diskFull(thrown, folder);
    case ioError:
      return isNoSpace(thrown) ? diskFull(thrown, folder) : unreadable(thrown, file);
    case corrupt:
    case notADatabase:
      return new BrambleError(
        'STORE_BROKEN',
        `${file} is damaged (${text(thrown)}); stop the agent, move the file away to start empty or restore a copy`,
        { cause: thrown },
      );
    case readOnly:
    case cannotOpen:
      return unreadable(thrown, file);
    case busy:
    case locked:
      return new BrambleError('BUSY', `another program holds ${file} open; close it`, { cause: thrown });
    default:
      return toBrambleError(thrown);
  }
}

function diskFull(cause: unknown, folder: string): BrambleError {
  return new BrambleError('STORE_FULL', `the disk of ${folder} is full; make room there`, { cause });
}

function unreadable(cause: unknown, file: string): BrambleError {
  const message = `cannot read or write ${file} (${text(cause)}); check the folder's owner and mode, and the disk`;
  return new BrambleError('STORE_BROKEN', message, { cause });
}

function text(thrown: unknown): string {
  return toBrambleError(thrown).message;
}

function primaryCode(thrown: unknown): number | undefined {
  const code = extendedCode(thrown);
  return code === undefined ? undefined : code & 0xff;
}

function extendedCode(thrown: unknown): number | undefined {
  if (thrown instanceof Error && 'errcode' in thrown && typeof thrown.errcode === 'number')
    return thrown.errcode;
  return undefined;
}

function isNoSpace(thrown: unknown): boolean {
  if (extendedCode(thrown) === ioErrorShmSize) return true;
  return thrown instanceof Error && 'systemErrno' in thrown && noSpaceErrnos.includes(thrown.systemErrno);
}
