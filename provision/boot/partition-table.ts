import { BrambleError } from '../../src/support/errors.ts';
import type { Disk } from '../disk/disk.ts';

/** Where a partition is on its disk. */
export interface Partition {
  readonly offset: number;
  readonly lengthBytes: number;
}

export interface PartitionTable {
  /** The first with a FAT file system: the one whose files the firmware reads. */
  readonly boot: Partition;
  /** The first of Linux. */
  readonly root: Partition;
}

/** The sector that partition tables count in, whatever the disk's own. It is also the table's length, and FAT's unit here. */
export const sectorBytes = 512;

/**
 * Reads where the system on the disk has its boot and root partition. `systemBytes`: what was written of it, beyond which no
 * partition may reach. Rejects IMAGE_BROKEN when it cannot be a system for a Raspberry Pi.
 */
export async function readPartitionTable(
  disk: Pick<Disk, 'name' | 'read'>,
  systemBytes: number,
): Promise<PartitionTable> {
  if (systemBytes < sectorBytes) throw broken(disk.name, `it has ${systemBytes} bytes only`);
  const sector = new Uint8Array(sectorBytes);
  await disk.read(sector, 0);
  return decodePartitionTable(sector, { name: disk.name, systemBytes });
}

// Of the master boot record, as in the UEFI specification 2.10, section 5.2.1 (tables 5.1 and 5.2).
const signatureAt = 510;
const signature = 0xaa55;
const firstEntryAt = 446;
const entryBytes = 16;
const entryCount = 4;
const typeAt = 4;
const firstSectorAt = 8;
const sectorCountAt = 12;
/** Stands over the whole disk where the real table is a GPT. */
const gptProtective = 0xee;
/** FAT32 with and without LBA, FAT16 with and without: what the firmware of every Raspberry Pi boots from. */
const fatTypes: readonly number[] = [0x0c, 0x0b, 0x0e, 0x06];
const linux = 0x83;

interface Entry extends Partition {
  readonly number: number;
  readonly type: number;
}

/** The same from a disk's first sector; `name` is for messages. */
export function decodePartitionTable(
  sector: Uint8Array,
  { name, systemBytes }: { readonly name: string; readonly systemBytes: number },
): PartitionTable {
  const view = new DataView(sector.buffer, sector.byteOffset, sectorBytes);
  if (view.getUint16(signatureAt, true) !== signature)
    throw broken(name, 'it does not begin with a partition table (MBR); is it the image of a whole card?');
  const entries = Array.from({ length: entryCount }, (_, index) => decodeEntry(view, index));
  if (entries.some(({ type }) => type === gptProtective))
    throw broken(name, 'its partition table is a GPT, and only an MBR can be read; Raspberry Pi OS has one');
  const used = entries.filter(({ type, lengthBytes }) => type !== 0 && lengthBytes > 0);
  const boot = used.find(({ type }) => fatTypes.includes(type));
  if (boot === undefined) throw broken(name, `it has no boot partition (FAT); found ${describe(used)}`);
  const root = used.find(({ type }) => type === linux);
  if (root === undefined) throw broken(name, `it has no root partition (Linux); found ${describe(used)}`);
  for (const { number, offset, lengthBytes } of [boot, root]) {
    if (offset < sectorBytes) throw broken(name, `its partition ${number} begins within the partition table`);
    if (offset + lengthBytes > systemBytes)
      throw broken(
        name,
        `its partition ${number} ends at byte ${offset + lengthBytes}, but there are ${systemBytes} only; is the image truncated?`,
      );
  }
  return { boot: place(boot), root: place(root) };
}

function decodeEntry(view: DataView, index: number): Entry {
  const at = firstEntryAt + index * entryBytes;
  return {
    number: index + 1,
    type: view.getUint8(at + typeAt),
    offset: view.getUint32(at + firstSectorAt, true) * sectorBytes,
    lengthBytes: view.getUint32(at + sectorCountAt, true) * sectorBytes,
  };
}

function describe(entries: readonly Entry[]): string {
  if (entries.length === 0) return 'no partition at all';
  return entries.map(({ number, type }) => `partition ${number} of type 0x${hex(type)}`).join(', ');
}

function hex(type: number): string {
  return type.toString(16).padStart(2, '0');
}

function place({ offset, lengthBytes }: Partition): Partition {
  return { offset, lengthBytes };
}

function broken(name: string, why: string): BrambleError {
  return new BrambleError('IMAGE_BROKEN', `what is on ${name} cannot boot a Raspberry Pi: ${why}`);
}
