import type { Database } from '../database.ts';
import { type Operations, rowsPerCall } from '../operations.ts';

/** Takes away what is past its time or over its bound. */
export function sweepOperation(db: Database): Operations['sweep'] {
  const forgetIds = db.prepare(`
    DELETE FROM seen WHERE id IN (SELECT id FROM seen WHERE forget_ms <= ? ORDER BY forget_ms LIMIT ${rowsPerCall})`);
  const expireDeadLetters = db.prepare(`
    DELETE FROM dead_letters WHERE id IN (
      SELECT id FROM (SELECT id, died_ms FROM dead_letters ORDER BY id LIMIT ${rowsPerCall}) WHERE died_ms <= ?)`);
  const countDeadLetters = db.prepare('SELECT count(*) AS rows FROM dead_letters');
  const dropDeadLetters = db.prepare(`
    DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters ORDER BY id LIMIT ?)`);
  const countOutbox = db.prepare('SELECT count(*) AS rows FROM outbox');
  const dropOutbox = db.prepare(`
    DELETE FROM outbox WHERE position IN (SELECT position FROM outbox ORDER BY position LIMIT ?)`);

  const dropExcess = (count: Statement, drop: Statement, max: number | undefined): number => {
    if (max === undefined) return 0;
    const { rows }: { rows: number } = count.get();
    return rows > max ? drop.run(Math.min(rows - max, rowsPerCall)).changes : 0;
  };

  return ({ nowMs, maxDeadLetters, deadLetterTtlMs, maxOutbox }) => {
    const forgotten = forgetIds.run(nowMs).changes;
    const expired =
      deadLetterTtlMs === undefined ? 0 : expireDeadLetters.run(nowMs - deadLetterTtlMs).changes;
    const dropped = dropExcess(countDeadLetters, dropDeadLetters, maxDeadLetters);
    const outbox = dropExcess(countOutbox, dropOutbox, maxOutbox);
    return {
      deadLetters: expired + dropped,
      outbox,
      isDone: Math.max(forgotten, expired, dropped, outbox) < rowsPerCall,
    };
  };
}

type Statement = ReturnType<Database['prepare']>;
