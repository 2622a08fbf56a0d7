import type { Database } from '../database.ts';
import { type Operations, rowsPerCall } from '../operations.ts';
import type { DeadLetter, ListedDeadLetter } from '../store.ts';
import { type EventRow, toAttributes, toEvent } from './events.ts';

interface FactsRow {
  readonly dead_letter_id: number;
  readonly function: string;
  readonly attempts: number;
  readonly status: number | null;
  readonly reason: string;
  readonly died_ms: number;
}

type DeadLetterRow = FactsRow & EventRow;
type ListedRow = FactsRow & Omit<EventRow, 'data'> & { readonly data_bytes: number };

const facts = 'd.id AS dead_letter_id, d.function, d.attempts, d.status, d.reason, d.died_ms';
const tables = 'dead_letters d JOIN events e ON e.key = d.event_key';
const selectListed = `
  SELECT ${facts}, e.id, e.source, e.type, e.time, e.topic, e.content_type, e.hops, length(e.data) AS data_bytes
  FROM ${tables}`;

/** Deliveries that came to their end without success. */
export function deadLetterOperations(
  db: Database,
): Pick<Operations, 'deadLetters' | 'deadLetter' | 'replay' | 'purge'> {
  const selectAll = db.prepare(`${selectListed} WHERE d.id < ? ORDER BY d.id DESC LIMIT ?`);
  const selectOfFunction = db.prepare(
    `${selectListed} WHERE d.function = ? AND d.id < ? ORDER BY d.id DESC LIMIT ?`,
  );
  const selectOne = db.prepare(`SELECT ${facts}, e.* FROM ${tables} WHERE d.id = ?`);
  const queueAgain = db.prepare(`
    INSERT INTO deliveries (function, event_key, attempts, due_ms, expires_ms, order_key, callback_url, request)
    SELECT function, event_key, 0, ?, ?, order_key, callback_url, request FROM dead_letters WHERE id = ?`);
  const functionOf = db.prepare('SELECT function FROM dead_letters WHERE id = ?');
  const deleteOne = db.prepare('DELETE FROM dead_letters WHERE id = ?');
  const deleteOfFunction = db.prepare(`
    DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE function = ? LIMIT ${rowsPerCall})`);
  const deleteAny = db.prepare(`
    DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters LIMIT ${rowsPerCall})`);

  return {
    deadLetters({ function: functionName, limit, beforeId = Number.MAX_SAFE_INTEGER }): ListedDeadLetter[] {
      const rows: ListedRow[] =
        functionName === undefined
          ? selectAll.all(beforeId, limit)
          : selectOfFunction.all(functionName, beforeId, limit);
      return rows.map(toListed);
    },

    deadLetter(id) {
      const row: DeadLetterRow | undefined = selectOne.get(id);
      return row === undefined ? undefined : toDeadLetter(row);
    },

    replay(ids, { nowMs, ttlMs }) {
      const functions: string[] = [];
      for (const id of ids) {
        const row: { function: string } | undefined = functionOf.get(id);
        if (row === undefined) continue;
        queueAgain.run(nowMs, nowMs + ttlMs, id);
        deleteOne.run(id);
        functions.push(row.function);
      }
      return functions;
    },

    purge({ ids, function: functionName }) {
      if (ids !== undefined) return ids.reduce((count, id) => count + deleteOne.run(id).changes, 0);
      return functionName === undefined
        ? deleteAny.run().changes
        : deleteOfFunction.run(functionName).changes;
    },
  };
}

function toDeadLetter(row: DeadLetterRow): DeadLetter {
  return { ...toFacts(row), event: toEvent(row) };
}

function toListed(row: ListedRow): ListedDeadLetter {
  return { ...toFacts(row), event: { ...toAttributes(row), dataBytes: row.data_bytes } };
}

function toFacts(row: FactsRow): Omit<DeadLetter, 'event'> {
  const { dead_letter_id: id, function: name, attempts, status, reason, died_ms: diedMs } = row;
  return { id, function: name, attempts, status, reason, diedMs };
}
