import type { Database } from '../database.ts';
import { type Operations, rowsPerCall } from '../operations.ts';
import type { DeadLetter } from '../store.ts';
import { type EventRow, toEvent } from './events.ts';

interface DeadLetterRow extends EventRow {
  readonly dead_letter_id: number;
  readonly function: string;
  readonly attempts: number;
  readonly status: number | null;
  readonly reason: string;
  readonly died_ms: number;
}

const select = `
  SELECT d.id AS dead_letter_id, d.function, d.attempts, d.status, d.reason, d.died_ms, e.*
  FROM dead_letters d JOIN events e ON e.key = d.event_key`;

/** Deliveries that came to their end without success. */
export function deadLetterOperations(
  db: Database,
): Pick<Operations, 'deadLetters' | 'deadLetter' | 'replay' | 'purge'> {
  const selectAll = db.prepare(`${select} WHERE d.id < ? ORDER BY d.id DESC LIMIT ?`);
  const selectOfFunction = db.prepare(
    `${select} WHERE d.function = ? AND d.id < ? ORDER BY d.id DESC LIMIT ?`,
  );
  const selectOne = db.prepare(`${select} WHERE d.id = ?`);
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
    deadLetters({ function: functionName, limit, beforeId = Number.MAX_SAFE_INTEGER }): DeadLetter[] {
      const rows: DeadLetterRow[] =
        functionName === undefined
          ? selectAll.all(beforeId, limit)
          : selectOfFunction.all(functionName, beforeId, limit);
      return rows.map(toDeadLetter);
    },

    deadLetter(id) {
      const row: DeadLetterRow | undefined = selectOne.get(id);
      return row === undefined ? undefined : toDeadLetter(row);
    },

    replay(ids, { nowMs, ttlMs }) {
      const functions = new Set<string>();
      for (const id of ids) {
        const row: { function: string } | undefined = functionOf.get(id);
        if (row === undefined) continue;
        queueAgain.run(nowMs, nowMs + ttlMs, id);
        deleteOne.run(id);
        functions.add(row.function);
      }
      return [...functions];
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
  return {
    id: row.dead_letter_id,
    function: row.function,
    event: toEvent(row),
    attempts: row.attempts,
    status: row.status,
    reason: row.reason,
    diedMs: row.died_ms,
  };
}
