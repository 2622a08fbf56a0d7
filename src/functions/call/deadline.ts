import type { Readable } from 'node:stream';
import type { Clock } from '../../support/clock.ts';
import { BrambleError } from '../../support/errors.ts';

export interface Deadline {
  readonly clock: Clock;
  /** 0 is no limit. */
  readonly limitMs: number;
  readonly signal?: AbortSignal;
  /** The error to reject with when time is up. */
  readonly late: () => Error;
}

/** Settles as `work` does, unless time is up or the caller gives up (CANCELLED) first. The work itself goes on. */
export function withDeadline<Result>(work: Promise<Result>, deadline: Deadline): Promise<Result> {
  const { clock, limitMs, signal, late } = deadline;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(cancelled());
    const cancel = limitMs === 0 ? () => {} : clock.after(limitMs, () => reject(late()));
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => {
      cancel();
      signal?.removeEventListener('abort', onAbort);
    });
  });
}

export function cancelled(): BrambleError {
  return new BrambleError('CANCELLED', 'the caller gave up before the function answered');
}

/** All of a stream, or BODY_TOO_LARGE as soon as it is over the limit. */
export async function readAll(stream: Readable, maxBytes: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(what, maxBytes);
  }
  return Buffer.concat(chunks);
}

export function tooLarge(what: string, maxBytes: number): BrambleError {
  return new BrambleError('BODY_TOO_LARGE', `${what} is larger than the limit of ${maxBytes} bytes`);
}
