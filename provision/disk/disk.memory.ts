import { BrambleError } from '../../src/support/errors.ts';
import type { Disk } from './disk.ts';
import { holdBackFirstBlock, type Medium } from './first-block.ts';

/** What is wrong with the card. Offsets in bytes. */
export interface DiskFaults {
  /** Writing here or beyond fails, as if it had been pulled out. */
  readonly failsFrom?: number;
  /** Reading here or beyond fails. */
  readonly unreadableFrom?: number;
  /** Writing here or beyond seems to succeed and keeps nothing: a fake that claims to be larger than it is. */
  readonly forgetsFrom?: number;
  /** This byte comes back with a bit changed. */
  readonly flipsAt?: number;
}

export interface MemoryDiskOptions {
  readonly name?: string;
  readonly sizeBytes?: number;
  /** What is on it already, from its beginning. */
  readonly content?: Uint8Array;
  readonly faults?: DiskFaults;
}

export interface MemoryDisk extends Disk {
  readonly sizeBytes: number;
  /** What is on the medium itself, as another program would find it, also after `close`. */
  stored(offset: number, length: number): Uint8Array;
  /** Whether everything written was synced. */
  readonly isSynced: boolean;
  readonly isClosed: boolean;
}

const gigabyte = 1e9;
const pieceBytes = 65_536;

/** A card in memory, of 8 GB unless told; takes only the room of what is written on it. Breaks as its faults say. */
export function openMemoryDisk(options: MemoryDiskOptions = {}): MemoryDisk {
  const { name = 'a card in memory', sizeBytes = 8 * gigabyte, content, faults = {} } = options;
  const pieces = new Map<number, Buffer>();
  let isSynced = true;
  let isClosed = false;

  const store = (data: Uint8Array, offset: number): void => {
    for (const part of partsOf(offset, data.length)) {
      const piece = pieces.get(part.piece) ?? Buffer.alloc(pieceBytes);
      piece.set(data.subarray(part.at, part.at + part.count), part.from);
      pieces.set(part.piece, piece);
    }
  };
  const stored = (offset: number, length: number): Buffer => {
    const result = Buffer.alloc(length);
    for (const part of partsOf(offset, length))
      pieces.get(part.piece)?.copy(result, part.at, part.from, part.from + part.count);
    return result;
  };
  const readNow = (into: Uint8Array, offset: number): void => {
    if (isClosed || offset + into.length > (faults.unreadableFrom ?? Number.POSITIVE_INFINITY))
      throw failed('read', name, offset);
    into.set(stored(offset, into.length));
    const flipped = (faults.flipsAt ?? -1) - offset;
    const byte = into[flipped];
    if (byte !== undefined) into[flipped] = byte ^ 1;
  };
  const writeNow = (data: Uint8Array, offset: number): void => {
    const room = (faults.failsFrom ?? Number.POSITIVE_INFINITY) - offset;
    if (isClosed || data.length > room) throw failed('write', name, offset);
    isSynced = false;
    const kept = Math.min(data.length, (faults.forgetsFrom ?? Number.POSITIVE_INFINITY) - offset);
    store(data.subarray(0, Math.max(kept, 0)), offset);
  };
  if (content !== undefined) store(content, 0);
  const medium: Medium = {
    name,
    sizeBytes,
    write: async (data, offset) => writeNow(data, offset),
    read: async (into, offset) => readNow(into, offset),
    writeNow,
    readNow,
    async flush() {
      isSynced = true;
    },
    async close() {
      isClosed = true;
    },
  };
  return {
    ...holdBackFirstBlock(medium),
    sizeBytes,
    stored,
    get isSynced() {
      return isSynced;
    },
    get isClosed() {
      return isClosed;
    },
  };
}

interface Part {
  readonly piece: number;
  /** Where in the piece, where in the caller's bytes, and how many. */
  readonly from: number;
  readonly at: number;
  readonly count: number;
}

function* partsOf(offset: number, length: number): Iterable<Part> {
  for (let at = 0; at < length; ) {
    const from = (offset + at) % pieceBytes;
    const count = Math.min(length - at, pieceBytes - from);
    yield { piece: (offset + at - from) / pieceBytes, from, at, count };
    at += count;
  }
}

function failed(verb: string, name: string, offset: number): BrambleError {
  return new BrambleError('DISK_FAILED', `cannot ${verb} ${name} at byte ${offset}: the card is gone`);
}
