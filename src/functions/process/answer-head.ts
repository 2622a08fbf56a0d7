import { validateHeaderName, validateHeaderValue } from 'node:http';
import { BrambleError, messageOf } from '../../support/errors.ts';
import { connectionHeaders } from '../call/connection-headers.ts';

export interface AnswerHead {
  readonly status: number;
  readonly headers: Record<string, string | string[]>;
}

/** Status and headers as a worker wrote them, in a shape that HTTP can carry. Throws FUNCTION_FAILED otherwise. */
export function readAnswerHead(head: unknown, functionName: string): AnswerHead {
  const { status, headers } = fieldsOf(head);
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599)
    throw unusable(functionName, `its status must be a whole number from 200 to 599, not ${String(status)}`);
  const clean: AnswerHead['headers'] = {};
  for (const [name, value] of Object.entries(fieldsOf(headers))) {
    const key = name.toLowerCase();
    // Who sends the body on says how long it is.
    if (connectionHeaders.has(key) || key === 'content-length') continue;
    clean[key] = Array.isArray(value) ? value.map(String) : String(value);
    checkHeader(key, clean[key], functionName);
  }
  return { status, headers: clean };
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {};
}

function checkHeader(name: string, value: string | string[], functionName: string): void {
  try {
    validateHeaderName(name);
    for (const one of [value].flat()) validateHeaderValue(name, one);
  } catch (err) {
    throw unusable(functionName, messageOf(err));
  }
}

function unusable(functionName: string, why: string): BrambleError {
  return new BrambleError(
    'FUNCTION_FAILED',
    `function "${functionName}" gave an answer that cannot be sent: ${why}`,
  );
}
