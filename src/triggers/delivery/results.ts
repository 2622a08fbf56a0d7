import type { FunctionFailed, FunctionFinished } from '../../events/event.ts';
import { connectionHeaders } from '../../functions/call/connection-headers.ts';
import type { Delivery } from '../../store/store.ts';
import type { Answer, Attempt } from './attempt.ts';
import type { CallbackRequest } from './callback.ts';

/** So much of an answer travels in the event that tells of it. */
export const longestResultBytes = 65_536;

/** Who tells, and when. */
export interface Teller {
  readonly id: string;
  readonly node: string;
  readonly nowMs: number;
}

export function finishedEvent(
  { function: functionName, event, attempts }: Delivery,
  { status, durationMs, result }: Pick<FunctionFinished, 'status' | 'durationMs' | 'result'>,
  { id, node, nowMs }: Teller,
): FunctionFinished {
  return {
    type: 'function.finished',
    id,
    node,
    time: new Date(nowMs).toISOString(),
    function: functionName,
    eventId: event.id,
    status,
    durationMs: Math.round(durationMs * 1000) / 1000,
    attempts: attempts + 1,
    result,
    hops: event.hops + 1,
  };
}

export function failedEvent(
  { function: functionName, event }: Delivery,
  end: { readonly attempts: number; readonly status: number | null; readonly reason: string },
  { id, node, nowMs }: Teller,
): FunctionFailed {
  return {
    type: 'function.failed',
    id,
    node,
    time: new Date(nowMs).toISOString(),
    function: functionName,
    eventId: event.id,
    status: end.status,
    attempts: end.attempts,
    reason: end.reason,
    hops: event.hops + 1,
  };
}

/** Parsed when it is JSON, else text; a longer answer is cut and stays text. */
export function resultOf(answer: Answer | undefined): unknown {
  if (answer === undefined) return null;
  const { headers, body, isCut } = answer;
  const text = Buffer.from(body.subarray(0, longestResultBytes)).toString();
  const isWhole = !isCut && body.length <= longestResultBytes;
  if (!isWhole || !String(headers['content-type'] ?? 'application/json').includes('json')) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text; // a watchdog answers with the content type of the request, whatever the function wrote
  }
}

/** The post that tells an async caller how the call ended, in the words of OpenFaaS's queue worker. */
export function callbackRequest(
  { function: functionName, event, request }: Delivery,
  url: string,
  { answer, durationMs }: Pick<Attempt, 'answer' | 'durationMs'>,
): CallbackRequest {
  // The new request has its own connection and length.
  const headers = Object.entries(answer?.headers ?? {}).filter(
    ([name]) => !connectionHeaders.has(name) && name !== 'content-length',
  );
  return {
    url,
    headers: {
      ...Object.fromEntries(headers),
      'x-function-name': functionName,
      'x-function-status': String(answer?.status ?? 503),
      'x-call-id': request?.headers['x-call-id'] ?? event.id,
      'x-duration-seconds': (durationMs / 1000).toFixed(6),
    },
    body: answer?.body ?? new Uint8Array(),
  };
}
