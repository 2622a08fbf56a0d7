import type { Envelope } from '../../events/event.ts';
import type { Database } from '../database.ts';
import { type Operations, rowsPerCall } from '../operations.ts';
import type { Acceptance, Delivery, Ending, NewDelivery, OutboxEntry, QueueDepth } from '../store.ts';
import { type EventRow, toEvent } from './events.ts';

interface DeliveryRow extends EventRow {
  readonly delivery_id: number;
  readonly function: string;
  readonly attempts: number;
  readonly due_ms: number;
  readonly expires_ms: number;
  readonly order_key: string | null;
  readonly callback_url: string | null;
  readonly request: string | null;
}

/** Why a delivery is buried, and whether an attempt ended with it. */
interface Death {
  readonly attempts: 0 | 1;
  readonly status: number | null;
  readonly reason: string;
  readonly nowMs: number;
}

/** Queues: what was accepted and waits for its function. */
export function deliveryOperations(
  db: Database,
  putOutbox: (entry: OutboxEntry) => void,
): Pick<Operations, 'accept' | 'settle' | 'waiting' | 'depths' | 'abandon'> {
  // No row changes when the id is known and its time not over: that is a duplicate.
  const remember = db.prepare(`
    INSERT INTO seen (id, forget_ms) VALUES (?1, ?2)
    ON CONFLICT (id) DO UPDATE SET forget_ms = excluded.forget_ms WHERE forget_ms <= ?3`);
  const insertEvent = db.prepare(`
    INSERT INTO events (id, source, type, time, topic, content_type, hops, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
  const countWaiting = db.prepare('SELECT waiting FROM queues WHERE function = ?');
  const insertDelivery = db.prepare(`
    INSERT INTO deliveries (function, event_key, attempts, due_ms, expires_ms, order_key, callback_url, request)
    VALUES (?, ?, 0, ?, ?, ?, ?, ?)`);
  const insertDeadLetter = db.prepare(`
    INSERT INTO dead_letters (function, event_key, attempts, reason, died_ms, order_key, callback_url, request)
    VALUES (?, ?, 0, ?, ?, ?, ?, ?)`);
  const oldestIds = db.prepare('SELECT id FROM deliveries WHERE function = ? ORDER BY id LIMIT ?');
  const copyToDeadLetters = db.prepare(`
    INSERT INTO dead_letters
      (delivery_id, function, event_key, attempts, status, reason, died_ms, order_key, callback_url, request)
    SELECT id, function, event_key, attempts + ?1,
      CASE WHEN ?1 THEN ?2 ELSE last_status END,
      CASE WHEN ?1 OR last_reason IS NULL THEN ?3 ELSE ?3 || '; last attempt: ' || last_reason END,
      ?4, order_key, callback_url, request
    FROM deliveries WHERE id = ?5`);
  const deleteDelivery = db.prepare('DELETE FROM deliveries WHERE id = ?');
  const deleteBuried = db.prepare('DELETE FROM dead_letters WHERE delivery_id = ?');
  const postpone = db.prepare(`
    UPDATE deliveries SET attempts = attempts + 1, due_ms = ?, last_status = ?, last_reason = ? WHERE id = ?`);
  const selectWaiting = db.prepare(`
    SELECT d.id AS delivery_id, d.function, d.attempts, d.due_ms, d.expires_ms, d.order_key, d.callback_url,
      d.request, e.*
    FROM deliveries d JOIN events e ON e.key = d.event_key
    WHERE d.function = ? AND d.id > ? ORDER BY d.id LIMIT ?`);
  const selectSizes = db.prepare(`
    SELECT length(e.data) AS bytes FROM deliveries d JOIN events e ON e.key = d.event_key
    WHERE d.function = ? AND d.id > ? ORDER BY d.id LIMIT ?`);
  const selectDepths = db.prepare(`
    SELECT function, sum(waiting) AS waiting, sum(dead) AS dead FROM (
      SELECT function, waiting, 0 AS dead FROM queues WHERE waiting > 0
      UNION ALL SELECT function, 0, count(*) FROM dead_letters GROUP BY function
    ) GROUP BY function ORDER BY function`);

  /** Moves one delivery to the dead letters; false when there is none of this id. */
  const bury = (id: number, { attempts, status, reason, nowMs }: Death): boolean => {
    const isKnown = copyToDeadLetters.run(attempts, status, reason, nowMs, id).changes > 0;
    if (isKnown) deleteDelivery.run(id);
    return isKnown;
  };

  const buryOldest = (functionName: string, limit: number, reason: string, nowMs: number): number => {
    const rows: { id: number }[] = oldestIds.all(functionName, limit);
    for (const { id } of rows) bury(id, { attempts: 0, status: null, reason, nowMs });
    return rows.length;
  };

  const enqueue = (
    wanted: NewDelivery,
    eventKey: number | bigint,
    nowMs: number,
  ): { id: number | null; dropped: number } => {
    const row: { waiting: number } | undefined = countWaiting.get(wanted.function);
    const excess = (row?.waiting ?? 0) + 1 - wanted.queue.limit;
    const kept = [
      wanted.orderKey ?? null,
      wanted.callbackUrl ?? null,
      wanted.request ? JSON.stringify(wanted.request) : null,
    ];
    if (excess > 0 && wanted.queue.whenFull === 'reject') {
      insertDeadLetter.run(wanted.function, eventKey, 'queue full', nowMs, ...kept);
      return { id: null, dropped: 0 };
    }
    const dropped =
      excess > 0 ? buryOldest(wanted.function, Math.min(excess, rowsPerCall), 'queue full', nowMs) : 0;
    const { lastInsertRowid } = insertDelivery.run(
      wanted.function,
      eventKey,
      nowMs,
      wanted.expiresMs,
      ...kept,
    );
    return { id: Number(lastInsertRowid), dropped };
  };

  return {
    accept(event, deliveries, { nowMs, dedupeMs }): Acceptance {
      const isNew = remember.run(identityOf(event), nowMs + dedupeMs, nowMs).changes > 0;
      if (!isNew) return { outcome: 'duplicate', deliveryIds: [], dropped: [] };
      if (deliveries.length === 0) return { outcome: 'stored', deliveryIds: [], dropped: [] };
      const eventKey = insertEvent.run(...columnsOf(event)).lastInsertRowid;
      const queued = deliveries.map((wanted) => enqueue(wanted, eventKey, nowMs));
      return {
        outcome: 'stored',
        deliveryIds: queued.map(({ id }) => id),
        dropped: queued.map(({ dropped }) => dropped),
      };
    },

    settle(deliveryId, ending, { nowMs, publish }) {
      const isKnown = end(deliveryId, ending, nowMs);
      if (isKnown && publish !== undefined) putOutbox(publish);
    },

    waiting(functionName, { afterId, limit, maxBytes }): Delivery[] {
      const sizes: { bytes: number }[] =
        maxBytes === undefined ? [] : selectSizes.all(functionName, afterId, limit);
      const count = maxBytes === undefined ? limit : countWithin(sizes, maxBytes);
      const rows: DeliveryRow[] = selectWaiting.all(functionName, afterId, count);
      return rows.map(toDelivery);
    },

    depths: (): QueueDepth[] => selectDepths.all().map((row: QueueDepth) => ({ ...row })),

    abandon: (functionName, reason, nowMs) => buryOldest(functionName, rowsPerCall, reason, nowMs),
  };

  function end(id: number, ending: Ending, nowMs: number): boolean {
    switch (ending.outcome) {
      case 'done':
        // It may have been dropped from a full queue while the attempt was under way; then it is no dead letter.
        return deleteDelivery.run(id).changes > 0 || deleteBuried.run(id).changes > 0;
      case 'retry':
        return postpone.run(ending.dueMs, ending.status, ending.reason, id).changes > 0;
      case 'dead':
        return bury(id, {
          attempts: ending.isUntried ? 0 : 1,
          status: ending.status,
          reason: ending.reason,
          nowMs,
        });
      default:
        return ending satisfies never;
    }
  }
}

/** How many of them, from the first on, it takes to reach `maxBytes`; all when they do not. */
function countWithin(sizes: readonly { readonly bytes: number }[], maxBytes: number): number {
  let sum = 0;
  const last = sizes.findIndex(({ bytes }) => {
    sum += bytes;
    return sum >= maxBytes;
  });
  return last === -1 ? sizes.length : last + 1;
}

/** An id is unique among the events of one source (CloudEvents 1.0.2, section 3.1): others may count from 1 as well. */
function identityOf({ source, id }: Envelope): string {
  return `${source} ${id}`;
}

function columnsOf(event: Envelope): (string | number | Uint8Array)[] {
  const { id, source, type, time, topic, contentType, hops, data } = event;
  return [id, source, type, time, topic, contentType, hops, data];
}

function toDelivery(row: DeliveryRow): Delivery {
  return {
    id: row.delivery_id,
    function: row.function,
    event: toEvent(row),
    attempts: row.attempts,
    dueMs: row.due_ms,
    expiresMs: row.expires_ms,
    orderKey: row.order_key,
    callbackUrl: row.callback_url,
    request: row.request === null ? null : JSON.parse(row.request),
  };
}
