import { ReadableStream } from 'node:stream/web';
import xz from 'xz-decompress';
import { BrambleError, messageOf } from '../../../src/support/errors.ts';
import type { Bytes, Packing, Unpack } from './packing.ts';
import { isInstalled, throughProgram } from './through.ts';
import { readXzSize } from './xz-index.ts';

export async function examineXz(path: string, storedBytes: number): Promise<Packing> {
  const sizeBytes = await readXzSize(path, storedBytes);
  if (sizeBytes === undefined) throw new Error('it does not end as an .xz file does: it is not whole');
  return { sizeBytes, unpack: (await isInstalled('xz')) ? unpackXzByProgram : unpackXzByLibrary };
}

/** By the `xz` program: several times as fast, and it uses all cores where the file has several blocks. */
export const unpackXzByProgram: Unpack = (stored, signal) =>
  throughProgram(['xz', '--decompress', '--stdout', '--threads=0'], stored, signal);

/**
 * With nothing installed. One file at a time in a process: a second waits until the first was read. Dictionaries of up to 64 MiB,
 * which is what `xz -9` makes, and no filters for program code.
 */
export async function* unpackXzByLibrary(
  stored: Bytes,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal.throwIfAborted();
  try {
    yield* new xz.XzReadableStream(ReadableStream.from(stored));
  } catch (err) {
    throw unsupported.test(messageOf(err)) ? lacksXz(err) : err;
  }
}

/** XZ_MEMLIMIT_ERROR and XZ_OPTIONS_ERROR of xz-embedded's `enum xz_ret`. */
const unsupported = /error code [46]$/;

function lacksXz(cause: unknown): BrambleError {
  return new BrambleError(
    'UNSUPPORTED',
    'the image is packed in a way that only the program xz can unpack; install it (Debian: xz-utils, macOS: brew install xz)',
    { cause },
  );
}
