import type { Envelope } from '../../events/event.ts';

export interface EventRow {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly topic: string;
  readonly content_type: string;
  readonly hops: number;
  readonly data: Uint8Array;
}

export function toEvent(row: EventRow): Envelope {
  return { ...toAttributes(row), data: row.data };
}

export function toAttributes(row: Omit<EventRow, 'data'>): Omit<Envelope, 'data'> {
  const { id, source, type, time, topic, content_type: contentType, hops } = row;
  return { id, source, type, time, topic, contentType, hops };
}
