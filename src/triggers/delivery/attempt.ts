import type { Readable } from 'node:stream';
import type { FunctionResponse } from '../../functions/endpoint.ts';
import type { Invoke } from '../../functions/invoke.ts';
import type { Delivery } from '../../store/store.ts';
import type { Clock } from '../../support/clock.ts';
import { BrambleError, toBrambleError } from '../../support/errors.ts';
import type { Outcome } from './decide.ts';
import { toRequest } from './to-request.ts';
import { withLimit } from './with-limit.ts';

export interface Attempt {
  readonly outcome: Outcome;
  readonly durationMs: number;
  /** What the function answered, if it did. */
  readonly answer: Answer | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: FunctionResponse['headers'];
  /** As much of the body as was asked for. */
  readonly body: Uint8Array;
  readonly isCut: boolean;
}

export interface AttemptOptions {
  readonly invoke: Invoke;
  readonly clock: Clock;
  /** The agent gives up on it: the attempt rejects and counts as not made. */
  readonly signal: AbortSignal;
  readonly limitMs: number;
  /** More of the answer is read and thrown away. */
  readonly keepBytes: number;
}

/** Has a delivery handled once. Whatever the function does is an outcome; rejects only when `signal` is aborted. */
export async function attempt(delivery: Delivery, options: AttemptOptions): Promise<Attempt> {
  const { invoke, clock, signal, limitMs, keepBytes } = options;
  const startMs = clock.monotonicMs();
  const measured = () => clock.monotonicMs() - startMs;
  const late = () => new BrambleError('FUNCTION_TIMEOUT', `no whole answer within ${limitMs} ms`);
  try {
    const call = async (limited: AbortSignal) =>
      readAnswer(await invoke(delivery.function, toRequest(delivery), { signal: limited }), keepBytes);
    const answer = await withLimit(call, { clock, signal, limitMs, late });
    const retryAfter = first(answer.headers['retry-after']);
    return {
      outcome: { kind: 'answered', status: answer.status, retryAfter },
      answer,
      durationMs: measured(),
    };
  } catch (err) {
    signal.throwIfAborted();
    return { outcome: outcomeOf(toBrambleError(err)), answer: undefined, durationMs: measured() };
  }
}

async function readAnswer(response: FunctionResponse, keepBytes: number): Promise<Answer> {
  const { status, headers } = response;
  const { body, isCut } = await read(response.body, keepBytes);
  return { status, headers, body, isCut };
}

async function read(
  body: Uint8Array | Readable,
  keepBytes: number,
): Promise<{ body: Uint8Array; isCut: boolean }> {
  if (body instanceof Uint8Array) {
    return { body: body.subarray(0, keepBytes), isCut: body.length > keepBytes };
  }
  const kept: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    const chunk = Buffer.from(part);
    const room = Math.max(0, keepBytes - bytes);
    if (room > 0) kept.push(chunk.subarray(0, room));
    bytes += chunk.length;
  }
  return { body: Buffer.concat(kept), isCut: bytes > keepBytes };
}

function outcomeOf(err: BrambleError): Outcome {
  switch (err.code) {
    case 'FUNCTION_UNREADY':
    case 'BUSY':
    case 'FUNCTION_NOT_FOUND': // removed this moment: its queue is about to be closed
      return { kind: 'unreached', reason: err.message };
    case 'INTERNAL': // a defect, or an error that nobody foresaw: the next attempt may go well
    case 'CANCELLED': // not by us, or we would not be here: its replica was taken away
      return { kind: 'failed', isRetryable: true, reason: err.message };
    default:
      return { kind: 'failed', isRetryable: err.isRetryable, reason: err.message };
  }
}

function first(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'object' ? value[0] : value;
}
