import type { Envelope } from '../../events/event.ts';
import type { FunctionRequest } from '../../functions/endpoint.ts';
import type { Delivery } from '../../store/store.ts';

/**
 * The HTTP request by which a function learns of an event: the CloudEvents HTTP binding in binary mode, with the topic
 * and the call id beside it. An async call keeps its own method, path, query and headers. Pure.
 */
export function toRequest({ event, request }: Delivery): FunctionRequest {
  return {
    method: request?.method ?? 'POST',
    path: request?.path ?? '/',
    query: request?.query ?? '',
    headers: {
      'x-call-id': toHeader(event.id),
      ...(request === null ? eventHeaders(event) : request.headers),
    },
    body: event.data,
  };
}

function eventHeaders(event: Envelope): Record<string, string> {
  return {
    'content-type': isPlain(event.contentType) ? event.contentType : 'application/octet-stream',
    'ce-specversion': '1.0',
    'ce-id': toHeader(event.id),
    'ce-source': toHeader(event.source),
    'ce-type': toHeader(event.type),
    'ce-time': toHeader(event.time),
    'ce-hops': String(event.hops),
    'x-topic': toHeader(event.topic),
  };
}

/** CloudEvents HTTP binding 1.0.2, section 3.1.3.2: space, `"`, `%` and all but printable ASCII are percent-encoded. */
function toHeader(value: string): string {
  return value.replace(/[^\x21-\x7e]+|["%]/gu, (part) =>
    [...Buffer.from(part)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

function isPlain(value: string): boolean {
  return /^[\x20-\x7e]+$/.test(value);
}
