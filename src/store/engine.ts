import type { BrambleError } from '../support/errors.ts';
import { type Database, openDatabase, toStoreError } from './database.ts';
import type { OperationName, Operations, Reply, Request } from './operations.ts';
import { deadLetterOperations } from './tables/dead-letters.ts';
import { deliveryOperations } from './tables/deliveries.ts';
import { documentOperations } from './tables/documents.ts';
import { outboxOperations } from './tables/outbox.ts';
import { sweepOperation } from './tables/sweep.ts';

export interface Engine {
  /**
   * Runs many requests in one transaction, in order; one reply for each. A request that fails does not touch the
   * others, unless the disk does: then nothing of the batch was changed and all of them fail alike.
   */
  applyBatch(requests: readonly Request[]): readonly Reply[];
  close(): void;
}

/** The SQL side of the store, synchronous: to be run in a thread of its own. `:memory:` keeps nothing. */
export function openEngine(file: string): Engine {
  const { db, close } = openDatabase(file);
  const operations = prepare(db);

  const applyTogether = (requests: readonly Request[]): Reply[] =>
    transaction(db, () => requests.map((request) => ({ ok: true, result: perform(operations, request) })));

  const applyEach = (requests: readonly Request[]): Reply[] =>
    transaction(db, () =>
      requests.map((request) => {
        db.exec('SAVEPOINT request');
        try {
          const result = perform(operations, request);
          db.exec('RELEASE request');
          return { ok: true, result };
        } catch (err) {
          const failure = toStoreError(err, file);
          if (isOfDisk(failure)) throw err;
          db.exec('ROLLBACK TO request; RELEASE request');
          return refuse(failure);
        }
      }),
    );

  return {
    close,
    applyBatch(requests) {
      try {
        return applyTogether(requests);
      } catch (err) {
        const failure = toStoreError(err, file);
        if (isOfDisk(failure)) return requests.map(() => refuse(failure));
      }
      // Savepoints cost time, so they are used only once a request is known to be at fault.
      try {
        return applyEach(requests);
      } catch (err) {
        const failure = toStoreError(err, file);
        return requests.map(() => refuse(failure));
      }
    },
  };
}

function prepare(db: Database): Operations {
  const outbox = outboxOperations(db);
  return {
    ...deliveryOperations(db, outbox.putOutbox),
    ...deadLetterOperations(db),
    ...outbox,
    ...documentOperations(db),
    sweep: sweepOperation(db),
  };
}

function perform<Name extends OperationName>(operations: Operations, { name, args }: Request<Name>): unknown {
  const operation: (...args: never[]) => unknown = operations[name];
  return operation(...(args as never[])); // `Request` pairs each name with the arguments of its operation
}

function transaction<Result>(db: Database, run: () => Result): Result {
  db.exec('BEGIN');
  try {
    const result = run();
    db.exec('COMMIT');
    return result;
  } catch (err) {
    // A full disk may have ended the transaction already.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw err;
  }
}

function isOfDisk({ code }: BrambleError): boolean {
  return code === 'STORE_FULL' || code === 'STORE_BROKEN' || code === 'BUSY';
}

function refuse({ code, message }: BrambleError): Reply {
  return { ok: false, code, message };
}
