import type { FunctionRequest } from '../endpoint.ts';

/** The CGI-like variables of the classic OpenFaaS watchdog. Of a repeated header the first value only. */
export function requestEnvironment(request: FunctionRequest): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    const first = typeof value === 'string' ? value : value[0];
    if (first !== undefined) variables[`Http_${canonical(name).replaceAll('-', '_')}`] = first;
  }
  // The gateway is who was called; a function in a container is told its own name here, which nobody calls it by.
  const { 'x-forwarded-host': host } = request.headers;
  if (typeof host === 'string') variables.Http_Host ??= host;
  const length = contentLength(request);
  if (length === '-1') variables.Http_Transfer_Encoding = 'chunked';
  if (request.query !== '') variables.Http_Query = request.query;
  return {
    ...variables,
    Http_Method: request.method,
    Http_Path: decoded(request.path),
    Http_ContentLength: length,
    Http_Content_Length: length,
  };
}

/** As Go writes header names: `x-call-id` is `X-Call-Id`. */
function canonical(name: string): string {
  return name.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
}

/** -1 when the caller did not say how much would come. */
function contentLength({ body, headers }: FunctionRequest): string {
  if (body instanceof Uint8Array) return String(body.byteLength);
  const declared = headers['content-length'];
  return typeof declared === 'string' ? declared : '-1';
}

/** The watchdog gives the path decoded. What cannot be, or would hold a NUL as no variable can, stays as it was sent. */
function decoded(path: string): string {
  try {
    const text = decodeURIComponent(path);
    return text.includes('\0') ? path : text;
  } catch {
    return path;
  }
}
