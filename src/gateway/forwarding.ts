import type { IncomingMessage } from 'node:http';
import { connectionHeaders } from '../functions/call/connection-headers.ts';
import type { FunctionRequest } from '../functions/endpoint.ts';

type Headers = FunctionRequest['headers'];

/** `host` names us, not the replica; `expect` our own server has answered already. */
const notForwarded: ReadonlySet<string> = new Set([...connectionHeaders, 'host', 'expect']);

/** What a function is given: the caller's headers, and who called which host, unless another proxy said so before. */
export function requestHeaders(raw: IncomingMessage): Record<string, string | string[]> {
  const headers = endToEnd(raw.headers, notForwarded);
  const { host } = raw.headers;
  if (host !== undefined) headers['x-forwarded-host'] ??= host;
  headers['x-forwarded-for'] ??= `${raw.socket.remoteAddress ?? ''}:${raw.socket.remotePort ?? ''}`;
  return headers;
}

/** Without the hop-by-hop headers, those that `connection` names among them. */
export function endToEnd(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  dropped = connectionHeaders,
): Record<string, string | string[]> {
  const named = listed(headers.connection);
  const kept: Record<string, string | string[]> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && !dropped.has(name) && !named.includes(name))
      kept[name] = typeof value === 'string' ? value : [...value];
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
