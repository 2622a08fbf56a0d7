import { BrambleError, errorTable, toBrambleError } from '../support/errors.ts';

export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The answer to a request that failed: a sentence as plain text, or `{"error":{code,message,problems}}` for a client
 * that asks for JSON. The header tells a refusal of ours from an answer of a function with the same status.
 */
export function toRefusal(error: BrambleError, accept: string | undefined): Refusal {
  const { code, problems } = error;
  // What we did not foresee may tell of our insides; it is in the log.
  const message = code === 'INTERNAL' ? errorTable.INTERNAL.meaning : error.message;
  const isJson = accept?.includes('application/json') ?? false;
  return {
    status: error.status,
    headers: {
      'content-type': isJson ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8',
      'x-bramble-error': code,
      ...(error.status === 429 || error.status === 503 ? { 'retry-after': '1' } : {}),
    },
    body: isJson ? JSON.stringify({ error: { code, message, problems } }) : message,
  };
}

/** Any error of a route, fastify's own among them, as ours. */
export function toGatewayError(thrown: unknown): BrambleError {
  if (thrown instanceof BrambleError || !(thrown instanceof Error)) return toBrambleError(thrown);
  if (!('statusCode' in thrown) || typeof thrown.statusCode !== 'number') return toBrambleError(thrown);
  if (thrown.statusCode >= 400 && thrown.statusCode < 500)
    return new BrambleError('INVALID', thrown.message, { cause: thrown });
  return toBrambleError(thrown);
}

export function bodyTooLarge(maxBytes: number): BrambleError {
  return new BrambleError('BODY_TOO_LARGE', `the request body is over the limit of ${maxBytes} bytes`);
}
