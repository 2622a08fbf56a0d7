import type { IncomingMessage } from 'node:http';
import { connectionHeaders } from '../functions/call/connection-headers.ts';
import type { FunctionRequest } from '../functions/endpoint.ts';

type Headers = FunctionRequest['headers'];

/** What a function is given: the caller's headers, and who called which host, unless another proxy said so before. */
export function requestHeaders(raw: IncomingMessage): Record<string, string | readonly string[]> {
  const headers = endToEnd(raw.headers);
  const { host } = headers;
  delete headers.host; // names us, not the replica
  delete headers.expect; // answered by our own server already
  if (host !== undefined) headers['x-forwarded-host'] ??= host;
  headers['x-forwarded-for'] ??= `${raw.socket.remoteAddress ?? ''}:${raw.socket.remotePort ?? ''}`;
  return headers;
}

/** Without the hop-by-hop headers, those that `connection` names among them. */
export function endToEnd(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string | readonly string[]> {
  const named = listed(headers.connection);
  const kept: Record<string, string | readonly string[]> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && !connectionHeaders.has(name) && !named.includes(name)) kept[name] = value;
  }
  return kept;
}

function listed(connection: Headers[string] | undefined): readonly string[] {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return [];
  return String(connection)
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
}
