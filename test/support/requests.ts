import { Readable } from 'node:stream';
import type { FunctionRequest, FunctionResponse } from '../../src/functions/endpoint.ts';
import { toBrambleError } from '../../src/support/errors.ts';

export const never = new AbortController().signal;

/** A POST of bytes unless told; `target` is path and query. */
export function buildRequest(target = '/', fields: Partial<FunctionRequest> = {}): FunctionRequest {
  const [path = '/', query = ''] = target.split('?');
  return {
    method: 'POST',
    path,
    query,
    headers: { 'content-type': 'application/octet-stream' },
    body: Buffer.alloc(0),
    ...fields,
  };
}

export async function bodyOf({ body }: FunctionResponse): Promise<Buffer> {
  return body instanceof Readable ? Buffer.concat(await body.toArray()) : Buffer.from(body);
}

export async function textOf(response: FunctionResponse): Promise<string> {
  return (await bodyOf(response)).toString();
}

/** The code of the error that `work` rejects with, or `none`. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (err) => toBrambleError(err).code,
  );
}

/** HTTP status as a caller would see it, from an answer or from an error. */
export async function statusOf(work: Promise<FunctionResponse>): Promise<number> {
  return work.then(
    ({ status }) => status,
    (err) => toBrambleError(err).status,
  );
}
