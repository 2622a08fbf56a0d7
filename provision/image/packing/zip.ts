import { crc32, createInflateRaw } from 'node:zlib';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { BrambleError } from '../../../src/support/errors.ts';
import { chunkBytes } from '../stored-file.ts';
import type { StoredImage } from '../stored-image.ts';
import type { Bytes, Packing } from './packing.ts';
import { throughStream } from './through.ts';

/** The image among an archive's files: the largest that is called `.img`. */
export async function examineZip({ path, name }: StoredImage): Promise<Packing> {
  const archive = await yauzl.openPromise(path, { autoClose: false });
  try {
    const entry = chooseEntry(await listEntries(archive), name);
    const { fileDataStart } = await archive.readLocalFileHeaderPromise(entry, { minimal: true });
    return {
      sizeBytes: entry.uncompressedSize,
      unpack: (stored, signal) => unpack(entry, fileDataStart, stored, signal),
    };
  } finally {
    archive.close();
  }
}

async function listEntries(archive: ZipFile): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of archive.eachEntry()) {
    if (entries.length === maxEntries) throw new Error(`it holds more than ${maxEntries} files`);
    if (!entry.fileName.endsWith('/')) entries.push(entry);
  }
  return entries;
}

const maxEntries = 10_000;

function chooseEntry(entries: readonly Entry[], name: string): Entry {
  const images = entries
    .filter(({ fileName }) => /\.img$/i.test(fileName) && !fileName.startsWith('__MACOSX/'))
    .sort((a, b) => b.uncompressedSize - a.uncompressedSize);
  const [largest, second] = images;
  if (largest === undefined || largest.uncompressedSize === second?.uncompressedSize)
    throw new BrambleError(
      'INVALID',
      `${name} holds ${largest === undefined ? 'no .img file' : 'several .img files of the same size'}, but ${list(entries)}; unpack it and name the image`,
    );
  if (!largest.canDecodeFileData())
    throw new BrambleError(
      'UNSUPPORTED',
      `${largest.fileName} in ${name} is ${largest.isEncrypted() ? 'encrypted' : `packed by method ${largest.compressionMethod}`}; unpack it and name the image`,
    );
  return largest;
}

function list(entries: readonly Entry[]): string {
  const shown = entries.slice(0, 8).map(({ fileName }) => fileName);
  const rest = entries.length - shown.length;
  return shown.length === 0 ? 'nothing' : shown.join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

const stored = 0;

async function* unpack(
  entry: Entry,
  start: number,
  archive: Bytes,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const packed = slice(archive, start, start + entry.compressedSize);
  const isStored = entry.compressionMethod === stored;
  const pieces = isStored
    ? packed
    : throughStream(createInflateRaw({ chunkSize: chunkBytes }), packed, signal);
  let checksum = 0;
  for await (const piece of pieces) {
    checksum = crc32(piece, checksum);
    yield piece;
  }
  if (checksum !== entry.crc32) throw new Error(`the checksum (CRC-32) of ${entry.fileName} is wrong`);
}

async function* slice(bytes: Bytes, start: number, end: number): AsyncGenerator<Uint8Array, void, undefined> {
  let offset = 0;
  for await (const chunk of bytes) {
    const part = chunk.subarray(Math.max(0, start - offset), Math.max(0, end - offset));
    if (part.length > 0) yield part;
    offset += chunk.length;
    if (offset >= end) return;
  }
}
