import type { Database } from '../database.ts';
import type { Operations } from '../operations.ts';

/** Small JSON documents by kind and key. */
export function documentOperations(
  db: Database,
): Pick<Operations, 'putDocument' | 'removeDocument' | 'documents'> {
  const upsert = db.prepare(`
    INSERT INTO documents (kind, key, json) VALUES (?, ?, ?)
    ON CONFLICT (kind, key) DO UPDATE SET json = excluded.json`);
  const remove = db.prepare('DELETE FROM documents WHERE kind = ? AND key = ?');
  const select = db.prepare('SELECT key, json FROM documents WHERE kind = ? ORDER BY key');

  return {
    putDocument(kind, key, json) {
      upsert.run(kind, key, json);
    },
    removeDocument(kind, key) {
      remove.run(kind, key);
    },
    documents: (kind) => select.all(kind).map((row: { key: string; json: string }) => ({ ...row })),
  };
}
