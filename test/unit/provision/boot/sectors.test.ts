import { expect, test } from 'vitest';
import { openSectors } from '../../../../provision/boot/sectors.ts';

const partition = { offset: 4096, lengthBytes: 256 * 512 };

test('gives back what was written, while the disk has it only after the flush', () => {
  const disk = fakeDisk();
  const sectors = openSectors(disk, partition);
  sectors.write(filled(7, 2), 3);
  sectors.keep();
  expect(read(sectors, 3, 2)).toEqual(filled(7, 2));
  expect(disk.writes).toEqual([]);
  sectors.flush();
  expect(disk.bytes.subarray(4096 + 3 * 512, 4096 + 5 * 512)).toEqual(filled(7, 2));
});

test('undoes what was not kept, back to what was kept before', () => {
  const sectors = openSectors(fakeDisk(), partition);
  sectors.write(filled(1, 1), 9);
  sectors.keep();
  sectors.write(filled(2, 3), 8);
  sectors.undo();
  expect(read(sectors, 8, 3)).toEqual(Buffer.concat([filled(0, 1), filled(1, 1), filled(0, 1)]));
});

test('writes neighbours at once, from the beginning to the end, and only what was kept', () => {
  const disk = fakeDisk();
  const sectors = openSectors(disk, partition);
  for (const sector of [20, 4, 21, 5, 22]) sectors.write(filled(sector, 1), sector);
  sectors.keep();
  sectors.write(filled(99, 1), 100);
  sectors.flush();
  expect(disk.writes).toEqual([
    { offset: 4096 + 4 * 512, length: 2 * 512 },
    { offset: 4096 + 20 * 512, length: 3 * 512 },
  ]);
});

test('reads sectors that lie side by side from the disk once', () => {
  const disk = fakeDisk();
  const sectors = openSectors(disk, partition);
  for (let sector = 0; sector < 64; sector += 1) read(sectors, sector, 1);
  expect(disk.reads).toBe(1);
});

test('reads the last sectors of a partition, though they fill no page', () => {
  const sectors = openSectors(fakeDisk(), { ...partition, lengthBytes: 70 * 512 });
  expect(read(sectors, 69, 1)).toEqual(filled(0, 1));
});

test('neither reads nor writes beyond the partition', () => {
  const sectors = openSectors(fakeDisk(), partition);
  expect(() => read(sectors, 255, 2)).toThrow(expect.objectContaining({ code: 'IMAGE_BROKEN' }));
  expect(() => sectors.write(filled(1, 1), 256)).toThrow(/beyond the partition's end/);
});

function read(sectors: ReturnType<typeof openSectors>, first: number, count: number): Uint8Array {
  const into = Buffer.alloc(count * 512);
  sectors.read(into, first);
  return into;
}

function filled(value: number, sectors: number): Buffer {
  return Buffer.alloc(sectors * 512, value);
}

function fakeDisk() {
  const bytes = Buffer.alloc(partition.offset + partition.lengthBytes);
  const writes: { offset: number; length: number }[] = [];
  return {
    name: 'a fake',
    bytes,
    writes,
    reads: 0,
    readNow(into: Uint8Array, offset: number) {
      this.reads += 1;
      into.set(bytes.subarray(offset, offset + into.length));
    },
    writeNow(data: Uint8Array, offset: number) {
      writes.push({ offset, length: data.length });
      bytes.set(data, offset);
    },
  };
}
