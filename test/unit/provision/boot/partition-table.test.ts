import { expect, test } from 'vitest';
import { decodePartitionTable, readPartitionTable } from '../../../../provision/boot/partition-table.ts';
import { openMemoryDisk } from '../../../../provision/disk/disk.memory.ts';
import { BrambleError } from '../../../../src/support/errors.ts';

const mib = 1024 * 1024;
const fat32 = { type: 0x0c, start: 2048, count: 8192 };
const root = { type: 0x83, start: 10_240, count: 4096 };
const systemBytes = (root.start + root.count) * 512;

test.each([0x0c, 0x0b, 0x0e, 0x06])('finds a boot partition of type %i and the root partition', (type) => {
  expect(decode([{ ...fat32, type }, root])).toEqual({
    boot: { offset: mib, lengthBytes: 4 * mib },
    root: { offset: 5 * mib, lengthBytes: 2 * mib },
  });
});

test('takes the first of several FAT partitions, wherever it is in the table', () => {
  const second = { ...fat32, start: 20_000 };
  const table = decode([{ type: 0, start: 0, count: 0 }, root, fat32, second], 100 * mib);
  expect(table.boot.offset).toBe(mib);
});

test.each([
  [
    'without the signature of a partition table',
    [fat32, root],
    { signature: 0 },
    /not begin with a partition table/,
  ],
  ['with a GPT', [{ type: 0xee, start: 1, count: 99 }], {}, /is a GPT/],
  ['without partitions', [], {}, /no boot partition \(FAT\); found no partition at all/],
  ['without a boot partition', [root], {}, /no boot partition \(FAT\); found partition 1 of type 0x83/],
  ['with an empty boot partition', [{ ...fat32, count: 0 }, root], {}, /no boot partition/],
  ['without a root partition', [fat32], {}, /no root partition \(Linux\); found partition 1 of type 0x0c/],
  [
    'with a partition over its table',
    [{ ...fat32, start: 0 }, root],
    {},
    /begins within the partition table/,
  ],
] as const)('refuses a system %s', (_, entries, { signature = 0xaa55 }: { signature?: number }, message) => {
  expect(() => decode(entries, systemBytes, signature)).toThrow(message);
});

test('says that an image is truncated when a partition ends beyond it', () => {
  expect(() => decode([fat32, root], systemBytes - 1)).toThrow(
    `partition 2 ends at byte ${systemBytes}, but there are ${systemBytes - 1} only; is the image truncated?`,
  );
});

test('names the disk and the kind of error', () => {
  const attempt = () => decodePartitionTable(new Uint8Array(512), { name: 'out/pi-01.img', systemBytes });
  expect(attempt).toThrow(expect.objectContaining({ code: 'IMAGE_BROKEN' }));
  expect(attempt).toThrow(/out\/pi-01\.img/);
});

test('reads the table from the disk', async () => {
  const disk = openMemoryDisk();
  await disk.write(sector([fat32, root]), 0);
  expect((await readPartitionTable(disk, systemBytes)).boot.offset).toBe(mib);
});

test('refuses an image shorter than a partition table', async () => {
  await expect(readPartitionTable(openMemoryDisk(), 100)).rejects.toBeInstanceOf(BrambleError);
});

interface Entry {
  readonly type: number;
  readonly start: number;
  readonly count: number;
}

function decode(entries: readonly Entry[], bytes = systemBytes, signature = 0xaa55) {
  return decodePartitionTable(sector(entries, signature), { name: 'card', systemBytes: bytes });
}

function sector(entries: readonly Entry[], signature = 0xaa55): Uint8Array {
  const bytes = Buffer.alloc(512);
  for (const [index, { type, start, count }] of entries.entries()) {
    const at = 446 + 16 * index;
    bytes.writeUInt8(type, at + 4);
    bytes.writeUInt32LE(start, at + 8);
    bytes.writeUInt32LE(count, at + 12);
  }
  bytes.writeUInt16LE(signature, 510);
  return bytes;
}
