import { describe, expect, it } from 'vitest';
import { openMemoryDisk } from '../../../../provision/disk/disk.memory.ts';
import { diskContract } from '../../../contract/disk-contract.ts';

diskContract('memory', () => {
  const disk = openMemoryDisk({ sizeBytes: 16 * 1024 * 1024 });
  return { disk, stored: disk.stored, remove: () => {} };
});

const read = async (disk: ReturnType<typeof openMemoryDisk>, offset: number, length: number) => {
  const into = Buffer.alloc(length);
  await disk.read(into, offset);
  return into;
};

describe('a disk in memory', () => {
  it('fails from the offset on that it was told, and keeps what was written before', async () => {
    const disk = openMemoryDisk({ faults: { failsFrom: 10_000 } });
    await disk.write(Buffer.alloc(2000, 1), 8000);
    const gone = { code: 'DISK_FAILED', message: expect.stringContaining('at byte 9999') };
    await expect(disk.write(Buffer.alloc(2), 9999)).rejects.toMatchObject(gone);
    expect(await read(disk, 9998, 2)).toEqual(Buffer.from([1, 1]));
  });

  it('cannot be read from the offset on that it was told', async () => {
    const disk = openMemoryDisk({ faults: { unreadableFrom: 10_000 } });
    await disk.write(Buffer.alloc(2, 1), 9999);
    expect(await read(disk, 9999, 1)).toEqual(Buffer.from([1]));
    await expect(read(disk, 9999, 2)).rejects.toMatchObject({ code: 'DISK_FAILED' });
  });

  it('loses without a word what lies beyond its true size', async () => {
    const disk = openMemoryDisk({ faults: { forgetsFrom: 10_000 } });
    await disk.write(Buffer.alloc(4, 1), 9998);
    expect(await read(disk, 9998, 4)).toEqual(Buffer.from([1, 1, 0, 0]));
  });

  it('gives back one byte with a bit changed', async () => {
    const disk = openMemoryDisk({ faults: { flipsAt: 10_000 } });
    await disk.write(Buffer.alloc(3, 4), 9999);
    expect(await read(disk, 9999, 3)).toEqual(Buffer.from([4, 5, 4]));
  });

  it('is not committed when its first block comes back changed', async () => {
    const disk = openMemoryDisk({ faults: { flipsAt: 510 } });
    await disk.write(Buffer.alloc(512, 0x55), 0);
    await expect(disk.commit()).rejects.toMatchObject({
      code: 'DISK_FAILED',
      message: expect.stringContaining('first block'),
    });
  });

  it('has lost its old partition table when it is given up', async () => {
    const disk = openMemoryDisk({ content: Buffer.alloc(8192, 7) });
    await disk.write(Buffer.alloc(512, 8), 4096);
    await disk.close();
    expect(disk.stored(0, 4096)).toEqual(Buffer.alloc(4096));
    expect(disk.stored(4608, 3584)).toEqual(Buffer.alloc(3584, 7));
  });

  it('has its old first block back when only something else is written', async () => {
    const disk = openMemoryDisk({ content: Buffer.alloc(8192, 7) });
    await disk.write(Buffer.alloc(512, 8), 4096);
    expect(await read(disk, 4095, 2)).toEqual(Buffer.from([7, 8]));
    await disk.commit();
    expect(disk.stored(0, 4096)).toEqual(Buffer.alloc(4096, 7));
  });
});
