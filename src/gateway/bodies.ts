import type { IncomingMessage } from 'node:http';
import { type Readable, Transform } from 'node:stream';
import type { Clock } from '../support/clock.ts';
import { BrambleError } from '../support/errors.ts';
import { bodyTooLarge } from './refusal.ts';

/** Far more than a deployment or a secret needs; each fault of a body costs memory until all are listed. */
export const maxJsonBytes = 1024 * 1024;
/** Up to here a body of known length is read before the call, so that another replica may be tried with it. */
const bufferedBytes = 64 * 1024;
/** So long a client may go on sending after a refusal; cut at once, it would see a reset and not our answer. */
const lingerMs = 2_000;

/** Small bodies whole, large ones and those of unknown length as a stream that fails with BODY_TOO_LARGE. */
export async function takeBody(raw: IncomingMessage, maxBytes: number): Promise<Uint8Array | Readable> {
  const length = announcedBytes(raw);
  if (length === undefined) return limitedStream(raw, maxBytes);
  if (length > maxBytes) throw bodyTooLarge(maxBytes);
  return length <= bufferedBytes ? readBody(raw, maxBytes) : limitedStream(raw, maxBytes);
}

/** The whole body. Rejects BODY_TOO_LARGE, and CANCELLED when the client leaves before its end. */
export function readBody(raw: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  if (announcedBytes(raw) === 0) return Promise.resolve(new Uint8Array());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let seen = 0;
    // `on`, though each comes once: to take a listener away again makes an emitter slow for the rest of its life.
    raw.on('data', (chunk: Buffer) => {
      seen += chunk.length;
      if (seen <= maxBytes) chunks.push(chunk);
      else reject(bodyTooLarge(maxBytes));
    });
    raw.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    raw.on('error', (cause) => reject(clientLeft(cause)));
  });
}

/** 0 without a body; `undefined` when the client did not say (chunked). */
function announcedBytes({ headers }: IncomingMessage): number | undefined {
  if (headers['transfer-encoding'] !== undefined) return undefined;
  return Number(headers['content-length'] ?? 0);
}

/** Reads on for a moment after a refusal, then closes the connection. */
export function linger(raw: IncomingMessage, clock: Clock): void {
  if (raw.complete || raw.destroyed) return;
  const cancel = clock.after(lingerMs, () => raw.destroy());
  raw.once('end', cancel);
  raw.once('close', cancel);
  raw.resume();
}

/** Stands between the request and its reader: who destroys it does not destroy the socket that the answer goes to. */
function limitedStream(raw: IncomingMessage, maxBytes: number): Readable {
  let seen = 0;
  const limited = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > maxBytes) done(bodyTooLarge(maxBytes));
      else done(null, chunk);
    },
  });
  limited.on('error', () => {}); // the reader may have gone; the answer tells it
  raw.once('error', (cause) => limited.destroy(clientLeft(cause)));
  limited.once('close', () => raw.unpipe(limited).resume());
  return raw.pipe(limited);
}

export function clientLeft(cause?: unknown): BrambleError {
  return new BrambleError('CANCELLED', 'the client closed the connection before it had its answer', {
    cause,
  });
}
