import { createHash } from 'node:crypto';
import { BrambleError } from '../../src/support/errors.ts';
import type { BootPartition } from '../boot/boot-partition.ts';
import { decodePartitionTable, type Partition, sectorBytes } from '../boot/partition-table.ts';
import type { BootFile } from '../customise/boot-files.ts';
import type { Disk } from '../disk/disk.ts';
import type { Image } from '../image/image.ts';

export interface FlashDiskOptions {
  readonly image: Image;
  /** Open, and to be closed by the caller. */
  readonly disk: Disk;
  /** What makes the image a node, decided by what is in its boot partition. */
  readonly customise: (boot: Pick<BootPartition, 'read' | 'list'>) => readonly BootFile[];
  readonly openBoot: (disk: Disk, partition: Partition) => Promise<BootPartition>;
  /** Called often; a renderer thins it out. The first time just before the disk is touched. */
  readonly onProgress: (progress: FlashProgress) => void;
  readonly signal: AbortSignal;
}

/** `sync` is the wait until what was written is on the medium; a card's writes are when they return. */
export type FlashStage = 'write' | 'sync' | 'verify' | 'customise';

export interface FlashProgress {
  readonly stage: FlashStage;
  readonly doneBytes: number;
  /** `undefined` while the format does not tell; `ratio` is then by what was read of the source. */
  readonly totalBytes: number | undefined;
  /** Of this stage, from 0 to 1. */
  readonly ratio: number;
}

export interface Flashed {
  readonly imageBytes: number;
  /** Of the image as it was written and read back, before it was customised. */
  readonly sha256: string;
  readonly files: readonly BootFile[];
}

/** Read back in pieces of this size. */
const pieceBytes = 1 << 20;

/**
 * Writes an image, reads it back and compares, makes it a node and compares what that wrote; only then it counts (`commit`). The
 * image's partition table is looked at before the disk is touched. Rejects DISK_FAILED when the disk does not give back what
 * was written, and what image, disk and `customise` reject with.
 */
export async function flashDisk(options: FlashDiskOptions): Promise<Flashed> {
  const { disk, openBoot, customise, signal, onProgress } = options;
  const { firstSector, imageBytes, sha256 } = await writeImage(options);
  const { boot: partition } = decodePartitionTable(firstSector, {
    name: options.image.name,
    systemBytes: imageBytes,
  });
  await disk.sync();
  const boot = await openBoot(disk, partition);
  const files = customise(boot); // here, as what it refuses need not be read back first
  await compareImage(disk, { imageBytes, sha256, signal, onProgress });
  onProgress({ stage: 'customise', doneBytes: 0, totalBytes: undefined, ratio: 0 });
  for (const { path, content } of files) boot.write(path, Buffer.from(content));
  boot.unmount();
  await disk.sync();
  compareFiles(await openBoot(disk, partition), files, disk.name);
  signal.throwIfAborted();
  await disk.commit();
  onProgress({ stage: 'customise', doneBytes: imageBytes, totalBytes: imageBytes, ratio: 1 });
  return { imageBytes, sha256, files };
}

interface Written {
  readonly firstSector: Uint8Array;
  readonly imageBytes: number;
  readonly sha256: string;
}

async function writeImage({ image, disk, signal, onProgress }: FlashDiskOptions): Promise<Written> {
  const hash = createHash('sha256');
  let firstSector = new Uint8Array();
  let offset = 0;
  const report = (stage: FlashStage): void => {
    const { sizeBytes } = image;
    const ratio = sizeBytes === undefined ? image.readBytes() / image.storedBytes : offset / sizeBytes;
    onProgress({ stage, doneBytes: offset, totalBytes: sizeBytes, ratio: Math.min(1, ratio) });
  };
  for await (const chunk of image.chunks({ signal })) {
    signal.throwIfAborted();
    if (chunk.length === 0) continue;
    if (offset === 0) {
      firstSector = chunk.slice(0, sectorBytes);
      expectSystem(firstSector, image);
      report('write');
    }
    const writing = disk.write(chunk, offset);
    hash.update(chunk); // while the disk is busy
    await writing;
    offset += chunk.length;
    report('write');
  }
  if (offset === 0) throw new BrambleError('IMAGE_BROKEN', `${image.name} is empty`);
  report('sync');
  return { firstSector, imageBytes: offset, sha256: hash.digest('hex') };
}

/** What cannot boot shall not cost a card what is on it. */
function expectSystem(firstSector: Uint8Array, { name, sizeBytes = Number.POSITIVE_INFINITY }: Image): void {
  if (firstSector.length < sectorBytes)
    throw new BrambleError('IMAGE_BROKEN', `${name} holds ${firstSector.length} bytes only, no system`);
  decodePartitionTable(firstSector, { name, systemBytes: sizeBytes });
}

interface CompareOptions extends Pick<FlashDiskOptions, 'signal' | 'onProgress'> {
  readonly imageBytes: number;
  readonly sha256: string;
}

async function compareImage(
  disk: Disk,
  { imageBytes, sha256, signal, onProgress }: CompareOptions,
): Promise<void> {
  const hash = createHash('sha256');
  const pieceAt = (offset: number) => Math.min(pieceBytes, imageBytes - offset);
  // Two pieces in turn: the next one is read while this one is hashed.
  let [piece, next] = [new Uint8Array(pieceBytes), new Uint8Array(pieceBytes)];
  let reading = disk.read(piece.subarray(0, pieceAt(0)), 0);
  for (let offset = 0; offset < imageBytes; ) {
    const here = piece.subarray(0, pieceAt(offset));
    await reading;
    signal.throwIfAborted();
    offset += here.length;
    if (offset < imageBytes) reading = disk.read(next.subarray(0, pieceAt(offset)), offset);
    hash.update(here);
    onProgress({ stage: 'verify', doneBytes: offset, totalBytes: imageBytes, ratio: offset / imageBytes });
    [piece, next] = [next, piece];
  }
  if (hash.digest('hex') !== sha256) throw lies(disk.name, 'the image that was written');
}

function compareFiles(boot: BootPartition, files: readonly BootFile[], name: string): void {
  for (const { path, content } of files) {
    const found = boot.read(path);
    if (found === undefined || !Buffer.from(content).equals(found)) throw lies(name, path);
  }
}

function lies(name: string, what: string): BrambleError {
  return new BrambleError(
    'DISK_FAILED',
    `${name} does not give back ${what}: the card, or its reader, is broken or smaller than it says; take another`,
  );
}
