import { BrambleError, messageOf, toBrambleError } from '../../support/errors.ts';
import { readAll, withDeadline } from '../call/deadline.ts';
import type { FunctionRequest } from '../endpoint.ts';
import type { ReplicaContext } from './replica.ts';

/** Longest body that a frame's length field can carry; the gateway has its own, lower limit. */
const maxBodyBytes = 0xffff_ffff;

/** The whole body of a request. Rejects FUNCTION_TIMEOUT when it is not there within `read_timeout`, and CANCELLED. */
export async function readBody(
  { body }: FunctionRequest,
  { name, settings, clock }: ReplicaContext,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  const limitMs = settings.readTimeoutMs;
  const late = () =>
    new BrambleError(
      'FUNCTION_TIMEOUT',
      `the body of a request to function "${name}" was not complete within its read_timeout of ${limitMs} ms; send it faster or raise read_timeout`,
    );
  const work = readAll(body, maxBodyBytes, `request to function "${name}"`).catch((err) => {
    if (toBrambleError(err).code !== 'INTERNAL') throw err;
    throw new BrambleError(
      'INVALID',
      `the body of a request to function "${name}" broke off: ${messageOf(err)}`,
      {
        cause: err,
      },
    );
  });
  return withDeadline(work, { clock, limitMs, signal, late });
}
