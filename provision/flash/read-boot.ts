import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BrambleError } from '../../src/support/errors.ts';
import { openBootPartition } from '../boot/boot-partition.fat.ts';
import type { BootPartition } from '../boot/boot-partition.ts';
import { decodePartitionTable, type Partition, sectorBytes } from '../boot/partition-table.ts';
import { openFileDisk } from '../disk/disk.file.ts';
import type { Disk } from '../disk/disk.ts';
import type { Image } from '../image/image.ts';

/**
 * Looks into an image's boot partition without flashing it: what of the image is before its end is unpacked into a file for
 * as long as `use` takes. What `use` writes is not kept.
 */
export async function readBoot<Result>(
  image: Image,
  use: (boot: Omit<BootPartition, 'unmount'>) => Result,
  signal: AbortSignal,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-boot-'));
  try {
    const disk = await openFileDisk(join(folder, 'beginning.img'));
    try {
      return use(await openBootPartition(disk, await copyBeginning(image, disk, signal)));
    } finally {
      await disk.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function copyBeginning(image: Image, disk: Disk, signal: AbortSignal): Promise<Partition> {
  const { name, sizeBytes: systemBytes = Number.POSITIVE_INFINITY } = image;
  let boot: Partition | undefined;
  let offset = 0;
  for await (const chunk of image.chunks({ signal })) {
    if (boot === undefined && chunk.length >= sectorBytes)
      boot = decodePartitionTable(chunk.subarray(0, sectorBytes), { name, systemBytes }).boot;
    await disk.write(chunk, offset);
    offset += chunk.length;
    if (boot !== undefined && offset >= boot.offset + boot.lengthBytes) return boot;
  }
  throw new BrambleError('IMAGE_BROKEN', `${name} ends after ${offset} bytes, within its boot partition`);
}
