import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BrambleError } from '../../../src/support/errors.ts';
import type { Bytes } from './packing.ts';

/** What comes out of a Node.js stream, such as one of zlib's, when `stored` goes in. */
export async function* throughStream(
  stream: Duplex,
  stored: Bytes,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const fed = pipeline(stored, stream, { signal }).catch(() => {}); // the stream fails with the same error
  try {
    yield* stream;
  } finally {
    stream.destroy();
    await fed;
  }
}

/** What a program writes when `stored` is its standard input. Rejects with what it complained of unless it ends with status 0. */
export async function* throughProgram(
  command: readonly [program: string, ...args: string[]],
  stored: Bytes,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const [program, ...args] = command;
  const child = spawn(program, args, { signal, killSignal: 'SIGKILL', stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-maxComplaint);
  });
  child.once('error', () => {}); // killed by the signal; one that cannot be started closes with a status below 0
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const fed = feed(stored, child.stdin, signal);
  try {
    yield* child.stdout;
    const status = await ended;
    const failure = await fed;
    if (failure !== undefined) throw failure;
    if (status !== 0) throw new Error(complaint.trim() || `${program} ended with status ${status}`);
  } finally {
    child.kill('SIGKILL');
    await ended;
    await fed;
  }
}

const maxComplaint = 1_000;

/** Why the source could not be read. A program that does not read to the end says why by its status. */
async function feed(
  stored: Bytes,
  stdin: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<BrambleError | undefined> {
  try {
    await pipeline(stored, stdin, { signal });
    return undefined;
  } catch (err) {
    return err instanceof BrambleError ? err : undefined;
  }
}

export async function isInstalled(program: string): Promise<boolean> {
  const child = spawn(program, ['--version'], { stdio: 'ignore' });
  try {
    const [status] = await once(child, 'close');
    return status === 0;
  } catch {
    return false;
  }
}
