import type { FunctionRequest } from '../endpoint.ts';

/** The CGI-like variables of the classic OpenFaaS watchdog. Of a repeated header the first value only. */
export function requestEnvironment(request: FunctionRequest): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    const first = typeof value === 'string' ? value : value[0];
    if (first !== undefined) variables[`Http_${canonical(name).replaceAll('-', '_')}`] = first;
  }
  const length = contentLength(request);
  if (length === '-1') variables.Http_Transfer_Encoding = 'chunked';
  if (request.query !== '') variables.Http_Query = request.query;
  return {
    ...variables,
    Http_Method: request.method,
    Http_Path: request.path,
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
