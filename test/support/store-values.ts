import type { Envelope } from '../../src/events/event.ts';
import type { NewDelivery, OutboxEntry } from '../../src/store/store.ts';

let counter = 0;

/** An event that differs from all others; name only the fields that matter. */
export function buildEvent(fields: Partial<Envelope> = {}): Envelope {
  counter += 1;
  return {
    id: `event-${counter}`,
    source: '/bramble/pi-01/motion/pir',
    type: 'motion.detected',
    time: '2026-01-01T00:00:00.000Z',
    topic: 'bramble/pi-01/motion/pir',
    contentType: 'application/json',
    hops: 0,
    data: Buffer.from('{"motion":true}'),
    ...fields,
  };
}

export function buildDelivery(fields: Partial<NewDelivery> = {}): NewDelivery {
  return {
    function: 'light',
    expiresMs: 1_000_000,
    queue: { limit: 1_000, whenFull: 'reject' },
    ...fields,
  };
}

export function buildOutboxEntry(fields: Partial<OutboxEntry> = {}): OutboxEntry {
  counter += 1;
  return {
    id: `out-${counter}`,
    topic: 'bramble/pi-01/motion/pir',
    payload: Buffer.from('{"motion":true}'),
    retain: true,
    contentType: 'application/json',
    properties: { type: 'motion.detected' },
    storedMs: 0,
    ...fields,
  };
}
