import { Decompress } from 'fzstd';
import type { Bytes, Packing, Unpack } from './packing.ts';
import { isInstalled, throughProgram } from './through.ts';

/** `head`: the first bytes of the file, as many as its header may be long. */
export async function examineZstd(head: Buffer): Promise<Packing> {
  const sizeBytes = readZstdSize(head);
  if (await isInstalled('zstd')) return { sizeBytes, unpack: unpackZstdByProgram };
  return { sizeBytes, unpack: unpackZstdByLibrary, missing: 'zstd' };
}

export const unpackZstdByProgram: Unpack = (stored, signal) =>
  throughProgram(['zstd', '--decompress', '--stdout', '--quiet'], stored, signal);

/**
 * With nothing installed. It compares no checksums. (Node.js has a decompressor from 22.15 on, but that ends without an error
 * behind the first frame, and where data were cut off.)
 */
export async function* unpackZstdByLibrary(
  stored: Bytes,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let unpacked: Uint8Array[] = [];
  const decompress = new Decompress((block) => unpacked.push(block));
  for await (const chunk of stored) {
    for (let at = 0; at < chunk.length; at += maxPushBytes) {
      signal.throwIfAborted();
      decompress.push(chunk.subarray(at, at + maxPushBytes));
      yield* unpacked;
      unpacked = [];
    }
  }
  decompress.push(new Uint8Array(0), true);
  yield* unpacked;
}

/** It unpacks at once all that it is given, and four bytes can be a block of 128 KiB: 32 MiB at most in all. */
const maxPushBytes = 1_024;

/** RFC 8878, 3.1.1.1: the frame's header may hold its unpacked length. A file that begins with a skippable frame has several. */
export function readZstdSize(head: Buffer): number | undefined {
  const descriptor = head[4] ?? 0;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const at = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes;
  if (head.readUInt32LE(0) !== frameMark || head.length < at + 8) return undefined;
  switch (descriptor >> 6) {
    case 0:
      return isSingleSegment ? head.readUInt8(at) : undefined;
    case 1:
      return head.readUInt16LE(at) + 256;
    case 2:
      return head.readUInt32LE(at);
    default:
      return Number(head.readBigUInt64LE(at));
  }
}

const frameMark = 0xfd2fb528;
