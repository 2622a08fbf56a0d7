import { createHash, type Hash } from 'node:crypto';
import { BrambleError, messageOf } from '../../src/support/errors.ts';
import type { Image } from './image.ts';
import { inChunks } from './in-chunks.ts';
import { isBootRecord, notAnImage } from './packing/examine.ts';
import type { Packing } from './packing/packing.ts';
import { chunkBytes, readStored } from './stored-file.ts';
import type { StoredImage } from './stored-image.ts';

export interface ReadingOptions {
  readonly storedBytes: number;
  readonly packing: Packing;
  readonly remarks: readonly string[];
  readonly extractedSha256: string | undefined;
}

export function readImage(stored: StoredImage, options: ReadingOptions): Image {
  const { storedBytes, packing, remarks } = options;
  let reading: Reading | undefined;
  return {
    name: stored.name,
    sizeBytes: packing.sizeBytes,
    storedBytes,
    remarks,
    chunks: ({ signal }) => {
      reading = { readBytes: 0, hash: stored.sha256 === undefined ? undefined : createHash('sha256') };
      return chunksOf(stored, { ...options, reading, signal });
    },
    readBytes: () => reading?.readBytes ?? 0,
  };
}

/** How far the source was read, and the SHA-256 up to there if there is one to compare it with. */
interface Reading {
  readBytes: number;
  readonly hash: Hash | undefined;
}

interface ChunksOptions extends ReadingOptions {
  readonly reading: Reading;
  readonly signal: AbortSignal;
}

async function* chunksOf(
  stored: StoredImage,
  options: ChunksOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { packing, reading, signal, extractedSha256 } = options;
  const extracted = extractedSha256 === undefined ? undefined : createHash('sha256');
  let givenBytes = 0;
  try {
    const pieces = packing.unpack(readOn(stored, reading, signal), signal);
    for await (const chunk of inChunks(pieces, chunkBytes)) {
      if (givenBytes === 0 && !isBootRecord(chunk)) throw notAnImage(stored);
      givenBytes += chunk.length;
      extracted?.update(chunk);
      yield chunk;
    }
    if (givenBytes === 0) throw notAnImage(stored);
    compareLength(givenBytes, packing.sizeBytes);
    for await (const _ of readOn(stored, reading, signal)); // to the end, which the unpacking may not have asked for
    compareStored(reading.hash, stored);
  } catch (err) {
    if (signal.aborted) throw signal.reason;
    throw await explainDamage(err, { ...options, stored, readBytes: reading.readBytes });
  }
  if (extracted !== undefined) compareExtracted(extracted, extractedSha256, stored);
}

/** The stored file from where the reading is. */
async function* readOn({ path }: StoredImage, reading: Reading, signal: AbortSignal) {
  for await (const chunk of readStored(path, { from: reading.readBytes, signal })) {
    reading.readBytes += chunk.length;
    reading.hash?.update(chunk);
    yield chunk;
  }
}

function compareLength(givenBytes: number, sizeBytes: number | undefined): void {
  if (sizeBytes !== undefined && givenBytes !== sizeBytes)
    throw new Error(`it holds ${givenBytes} bytes, and says that it holds ${sizeBytes}`);
}

function compareStored(hash: Hash | undefined, { sha256 }: StoredImage): void {
  const found = hash?.digest('hex');
  if (found !== sha256?.toLowerCase()) throw new Error(`its SHA-256 is ${found} and should be ${sha256}`);
}

function compareExtracted(hash: Hash, sha256: string | undefined, { name }: StoredImage): void {
  const found = hash.digest('hex');
  if (found !== sha256?.toLowerCase())
    throw new BrambleError(
      'IMAGE_BROKEN',
      `${name}, unpacked, has the SHA-256 ${found} and should have ${sha256}; correct it in the configuration, or use the image that it belongs to`,
    );
}

export interface Damage {
  readonly stored: StoredImage;
  readonly storedBytes: number;
  readonly readBytes: number;
}

/** What is no error of ours comes from the unpacking: the source is broken. A copy of our own is then removed. */
export async function explainDamage(err: unknown, damage: Damage): Promise<BrambleError> {
  if (err instanceof BrambleError) return err;
  const { stored, storedBytes, readBytes } = damage;
  await stored.discard?.();
  const advice = stored.discard
    ? 'our copy was deleted: run this again, which downloads it anew'
    : 'get it again';
  return new BrambleError(
    'IMAGE_BROKEN',
    `${stored.name} is broken: ${messageOf(err)} (after ${readBytes} of ${storedBytes} bytes); ${advice}`,
    { cause: err },
  );
}
