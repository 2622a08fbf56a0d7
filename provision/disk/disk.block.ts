import { constants, readSync, writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { BrambleError, systemCode } from '../../src/support/errors.ts';
import type { Disk } from './disk.ts';
import { toDiskError } from './disk-error.ts';
import type { DiskInfo } from './disk-info.ts';
import { holdBackFirstBlock, type Medium } from './first-block.ts';

/**
 * A card, a stick or a loop device, for ourselves alone (`O_EXCL`: the kernel refuses it while anything on it is mounted, and
 * refuses to mount while we have it). Rejects DISK_REFUSED, with what to do, when it is in use or we lack the right to write
 * it. Whether it may be written at all was judged before.
 *
 * It is written and read past the machine's cache (`O_DIRECT`; macOS has a device file for that). What is read back comes
 * from the card, and needs no right beyond writing it, as emptying the cache does; a write takes as long as the card does, so
 * that progress tells the truth and giving up leaves no gigabytes to be written; and it is faster: 512 MB to a loop device
 * take 0.3 s, flushed, where they take 0.6 s through the cache.
 */
export async function openBlockDisk(disk: DiskInfo): Promise<Disk> {
  const isMac = process.platform === 'darwin';
  const path = isMac ? disk.path.replace('/dev/disk', '/dev/rdisk') : disk.path;
  const flags = constants.O_RDWR | (isMac ? 0 : constants.O_EXCL | constants.O_DIRECT);
  try {
    return holdBackFirstBlock(new BlockMedium(disk, await open(path, flags)));
  } catch (err) {
    throw toOpenError(err, disk, path);
  }
}

/** Exported for its table of messages alone: most of these cannot be had without a card in hand. */
export function toOpenError(
  err: unknown,
  { path, parts, unmountCommand }: DiskInfo,
  opened: string,
): BrambleError {
  const points = parts.flatMap(({ mountPoints }) => mountPoints);
  switch (systemCode(err)) {
    case 'EBUSY':
      return new BrambleError(
        'DISK_REFUSED',
        points.length > 0
          ? `${path} is in use, mounted at ${points.join(' and ')}; unmount it: ${unmountCommand}`
          : `${path} is in use by another program; close it (\`lsof ${path}\` names it), or plug the card in again`,
        { cause: err },
      );
    case 'EACCES':
    case 'EPERM':
      return new BrambleError(
        'DISK_REFUSED',
        `no right to write ${opened}; get it until the card is taken out: sudo chown $USER ${opened} (or run the same command with sudo)`,
        { cause: err },
      );
    case 'ENOENT':
      return new BrambleError('NOT_FOUND', `${path} is gone; plug it in again`, { cause: err });
    default:
      return toDiskError(err, 'open', path);
  }
}

/** Large enough that a card is busy writing, not waiting for us; small enough that giving up takes no time. */
const pieceBytes = 4 * 1024 * 1024;
const wasmPageBytes = 65_536;

class BlockMedium implements Medium {
  readonly name: string;
  readonly sizeBytes: number;
  readonly #blockBytes: number;
  readonly #handle: FileHandle;
  readonly #memory = alignedMemory();
  #isBusy = false;
  #closed: Promise<void> | undefined;

  constructor({ path, sizeBytes, blockBytes }: DiskInfo, handle: FileHandle) {
    this.name = path;
    this.sizeBytes = sizeBytes;
    this.#blockBytes = blockBytes;
    this.#handle = handle;
  }

  async write(data: Uint8Array, offset: number): Promise<void> {
    await this.#run('write', offset, this.#writing(data, offset));
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    await this.#run('read', offset, this.#reading(into, offset));
  }

  writeNow(data: Uint8Array, offset: number): void {
    this.#runNow('write', offset, this.#writing(data, offset));
  }

  readNow(into: Uint8Array, offset: number): void {
    this.#runNow('read', offset, this.#reading(into, offset));
  }

  /** Of blocks that `data` covers in part, the rest stays as it is. */
  *#writing(data: Uint8Array, offset: number): Iterable<Transfer> {
    for (const { start, bytes, from, at, count } of piecesOf(offset, data.length, this.#blockBytes)) {
      const blocks = this.#memory.subarray(0, bytes);
      if (count < bytes) yield { verb: 'read', blocks, start };
      blocks.set(data.subarray(at, at + count), from);
      yield { verb: 'write', blocks, start };
    }
  }

  *#reading(into: Uint8Array, offset: number): Iterable<Transfer> {
    for (const { start, bytes, from, at, count } of piecesOf(offset, into.length, this.#blockBytes)) {
      const blocks = this.#memory.subarray(0, bytes);
      yield { verb: 'read', blocks, start };
      into.set(blocks.subarray(from, from + count), at);
    }
  }

  async #run(verb: Verb, offset: number, transfers: Iterable<Transfer>): Promise<void> {
    this.#checkFree();
    this.#isBusy = true;
    try {
      for (const transfer of transfers)
        for (let done = 0; done < transfer.blocks.length; )
          done += checkProgress(await this.#transfer(transfer, done));
    } catch (err) {
      throw toDiskError(err, verb, this.name, `at byte ${offset}`);
    } finally {
      this.#isBusy = false;
    }
  }

  #runNow(verb: Verb, offset: number, transfers: Iterable<Transfer>): void {
    this.#checkFree();
    try {
      for (const transfer of transfers)
        for (let done = 0; done < transfer.blocks.length; )
          done += checkProgress(this.#transferNow(transfer, done));
    } catch (err) {
      throw toDiskError(err, verb, this.name, `at byte ${offset}`);
    }
  }

  /** All calls go through the same memory. */
  #checkFree(): void {
    if (this.#isBusy) throw new TypeError(`${this.name} is read or written already: one call at a time`);
  }

  async #transfer({ verb, blocks, start }: Transfer, done: number): Promise<number> {
    const left = blocks.length - done;
    if (verb === 'read') return (await this.#handle.read(blocks, done, left, start + done)).bytesRead;
    return (await this.#handle.write(blocks, done, left, start + done)).bytesWritten;
  }

  #transferNow({ verb, blocks, start }: Transfer, done: number): number {
    const left = blocks.length - done;
    if (verb === 'read') return readSync(this.#handle.fd, blocks, done, left, start + done);
    return writeSync(this.#handle.fd, blocks, done, left, start + done);
  }

  async flush(): Promise<void> {
    try {
      await this.#handle.sync();
    } catch (err) {
      throw toDiskError(err, 'write', this.name);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#handle.close();
    return this.#closed;
  }
}

type Verb = 'read' | 'write';

/** Whole blocks between the disk and our memory. */
interface Transfer {
  readonly verb: Verb;
  readonly blocks: Buffer;
  /** Offset on the disk. */
  readonly start: number;
}

/** A disk that gives nothing has shrunk: another card is in the reader. */
function checkProgress(count: number): number {
  if (count === 0) throw Object.assign(new Error('the disk ended early'), { code: 'ENXIO' });
  return count;
}

interface Piece {
  /** Where on the disk its blocks begin, and their length. */
  readonly start: number;
  readonly bytes: number;
  /** Where in these blocks the caller's bytes are, where these are in what the caller gave, and how many. */
  readonly from: number;
  readonly at: number;
  readonly count: number;
}

function* piecesOf(offset: number, length: number, blockBytes: number): Iterable<Piece> {
  for (let at = 0; at < length; ) {
    const from = (offset + at) % blockBytes;
    const count = Math.min(length - at, pieceBytes - from);
    const bytes = Math.ceil((from + count) / blockBytes) * blockBytes;
    yield { start: offset + at - from, bytes, from, at, count };
    at += count;
  }
}

/** Part of Node.js; the compiler knows it only together with all of a browser. */
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

/** The kernel reads and writes past its cache only from aligned memory; of all that Node.js has, this alone is sure to be. */
function alignedMemory(): Buffer {
  const pages = pieceBytes / wasmPageBytes;
  return Buffer.from(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
}
