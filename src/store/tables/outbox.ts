import type { Database } from '../database.ts';
import type { Operations } from '../operations.ts';
import type { StoredOutboxEntry } from '../store.ts';

interface OutboxRow {
  readonly position: number;
  readonly id: string;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: number;
  readonly content_type: string;
  readonly properties: string;
  readonly stored_ms: number;
}

/** Events of ours whose handling is not confirmed yet. */
export function outboxOperations(
  db: Database,
): Pick<Operations, 'putOutbox' | 'outbox' | 'removeOutbox' | 'countOutbox'> {
  const insert = db.prepare(`
    INSERT INTO outbox (id, topic, payload, retain, content_type, properties, stored_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`);
  const select = db.prepare('SELECT * FROM outbox WHERE position > ? ORDER BY position LIMIT ?');
  const remove = db.prepare('DELETE FROM outbox WHERE id = ?');
  const count = db.prepare('SELECT count(*) AS entries FROM outbox');

  return {
    putOutbox({ id, topic, payload, retain, contentType, properties, storedMs }) {
      insert.run(id, topic, payload, retain ? 1 : 0, contentType, JSON.stringify(properties), storedMs);
    },
    outbox({ limit, afterPosition = 0 }): StoredOutboxEntry[] {
      const rows: OutboxRow[] = select.all(afterPosition, limit);
      return rows.map(toEntry);
    },
    removeOutbox(ids) {
      for (const id of ids) remove.run(id);
    },
    countOutbox() {
      const row: { entries: number } = count.get();
      return row.entries;
    },
  };
}

function toEntry(row: OutboxRow): StoredOutboxEntry {
  return {
    position: row.position,
    id: row.id,
    topic: row.topic,
    payload: row.payload,
    retain: row.retain === 1,
    contentType: row.content_type,
    properties: JSON.parse(row.properties),
    storedMs: row.stored_ms,
  };
}
