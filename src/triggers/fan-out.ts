import type { Envelope } from '../events/event.ts';
import type { CatalogueEntry } from '../functions/catalogue.ts';
import type { NewDelivery } from '../store/store.ts';

/** Longer keys are cut: deliveries that then share one are merely handled one after another. */
const longestOrderKey = 256;

/** What only an async call has. */
export type CallFacts = Pick<NewDelivery, 'callbackUrl' | 'request'>;

/** One function's share of an event, by the function's own settings. Pure. */
export function toDelivery(
  { name, settings: { delivery } }: CatalogueEntry,
  event: Envelope,
  { nowMs, call = {} }: { readonly nowMs: number; readonly call?: CallFacts },
): NewDelivery {
  return {
    function: name,
    // A time to live without end must still be a number that the store can give back.
    expiresMs: Math.min(nowMs + delivery.ttlMs, Number.MAX_SAFE_INTEGER),
    orderKey: orderKeyOf(delivery.orderKey, event),
    queue: { limit: delivery.queueLimit, whenFull: delivery.queueWhenFull },
    ...call,
  };
}

/** The key by which an event is kept in order; `null` where it has none, as when the payload lacks the field. */
export function orderKeyOf(setting: string, event: Envelope): string | null {
  if (setting === 'topic') return event.topic;
  if (!setting.startsWith('/')) return null;
  const value = valueAt(setting, event.data);
  if (value === undefined || value === null) return null;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.slice(0, longestOrderKey);
}

/** JSON pointer, RFC 6901. */
function valueAt(pointer: string, data: Uint8Array): unknown {
  let value = parse(data);
  for (const part of pointer.slice(1).split('/')) {
    if (value === null || typeof value !== 'object') return undefined;
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    value = Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
  }
  return value;
}

function parse(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString());
  } catch {
    return undefined; // not JSON: the event has no key
  }
}
