import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Disk } from '../../provision/disk/disk.ts';

/** A disk whose medium the contract can look at from outside. */
export interface DiskBench {
  readonly disk: Disk;
  /** What another program finds on the medium; `undefined` where there is nothing that could be mistaken for an image. */
  stored(offset: number, length: number): Promise<Uint8Array | undefined> | Uint8Array | undefined;
  /** Gives back what `open` took. The disk is closed before. */
  remove(): Promise<void> | void;
}

/** What `Disk` promises. Disks of at least 16 MiB. */
export function diskContract(kind: string, open: () => Promise<DiskBench> | DiskBench): void {
  describe(`${kind} as a disk`, () => {
    let bench: DiskBench;
    let disk: Disk;
    beforeEach(async () => {
      bench = await open();
      disk = bench.disk;
    });
    afterEach(async () => {
      await disk.close();
      await bench.remove();
    });

    const read = async (offset: number, length: number): Promise<Buffer> => {
      const into = Buffer.alloc(length);
      await disk.read(into, offset);
      return into;
    };

    it('gives back what was written, at any offset and of any length', async () => {
      const expected = Buffer.alloc(200_000);
      await disk.write(expected, 0);
      for (const [offset, length] of [
        [0, 70_000],
        [69_990, 30],
        [511, 2],
        [4095, 4099],
        [131_072, 4096],
        [199_999, 1],
      ] as const) {
        const data = randomBytes(length);
        data.copy(expected, offset);
        await disk.write(data, offset);
      }
      expect((await read(0, expected.length)).equals(expected)).toBe(true);
      expect(await read(513, 1000)).toEqual(expected.subarray(513, 1513));
    });

    it('gives back more at once than it may take in one piece', async () => {
      const data = randomBytes(9 * 1024 * 1024 + 5);
      await disk.write(data, 1000);
      expect((await read(1000, data.length)).equals(data)).toBe(true);
    });

    it('gives zeros where zeros were written, also over something else and at its end', async () => {
      await disk.write(randomBytes(300_000), 0);
      await disk.write(Buffer.alloc(100_000), 100_000);
      await disk.write(Buffer.alloc(1_000_000), 300_000);
      expect((await read(100_000, 100_000)).equals(Buffer.alloc(100_000))).toBe(true);
      expect((await read(300_000, 1_000_000)).equals(Buffer.alloc(1_000_000))).toBe(true);
    });

    it('does the same for one who cannot wait', async () => {
      await disk.write(Buffer.alloc(65_536, 1), 0);
      disk.writeNow(Buffer.alloc(512, 2), 0);
      disk.writeNow(Buffer.alloc(1000, 3), 5000);
      const into = Buffer.alloc(1);
      const at = (offset: number): number | undefined => {
        disk.readNow(into, offset);
        return into[0];
      };
      expect([0, 511, 512, 4999, 5000, 5999, 6000].map(at)).toEqual([2, 2, 1, 1, 3, 3, 1]);
      expect((await read(5000, 1000)).equals(Buffer.alloc(1000, 3))).toBe(true);
    });

    it('cannot be taken for an image before it is committed', async () => {
      await disk.write(randomBytes(100_000), 0);
      await disk.sync();
      const start = await bench.stored(0, 4096);
      expect(start ?? Buffer.alloc(4096)).toEqual(Buffer.alloc(4096));
    });

    it('has everything on its medium once it is committed', async () => {
      const data = randomBytes(100_000);
      await disk.write(data, 0);
      await disk.commit();
      await disk.close();
      expect(data.equals((await bench.stored(0, data.length)) ?? Buffer.alloc(0))).toBe(true);
    });

    it('is no image when it is closed without being committed', async () => {
      await disk.write(randomBytes(100_000), 0);
      await disk.close();
      const start = await bench.stored(0, 4096);
      expect(start ?? Buffer.alloc(4096)).toEqual(Buffer.alloc(4096));
    });

    it('says where it ends when one reads on', async () => {
      await disk.write(Buffer.alloc(1000), 0);
      const end = disk.sizeBytes ?? 1000;
      const beyond = { code: 'DISK_FAILED', message: expect.stringContaining(disk.name) };
      await expect(read(end, 1)).rejects.toMatchObject(beyond);
      await expect(read(end - 100, 200)).rejects.toMatchObject(beyond);
      expect(() => disk.readNow(Buffer.alloc(1), end)).toThrow(expect.objectContaining(beyond));
    });

    it('grows, or refuses what goes beyond its end and writes nothing of it', async () => {
      const end = disk.sizeBytes;
      if (end === undefined) {
        await disk.write(Buffer.alloc(1, 1), 5_000_000);
        expect(await read(4_999_999, 2)).toEqual(Buffer.from([0, 1]));
        return;
      }
      const tooMuch = { code: 'DISK_FULL', message: expect.stringContaining(disk.name) };
      const before = await read(end - 100, 100);
      await expect(disk.write(Buffer.alloc(101, 1), end - 100)).rejects.toMatchObject(tooMuch);
      expect(() => disk.writeNow(Buffer.alloc(1), end)).toThrow(expect.objectContaining(tooMuch));
      expect(await read(end - 100, 100)).toEqual(before);
      await disk.write(Buffer.alloc(100, 1), end - 100);
      expect(await read(end - 100, 100)).toEqual(Buffer.alloc(100, 1));
    });

    it('can be closed twice, and used no more after that', async () => {
      await disk.close();
      await disk.close();
      await expect(disk.write(Buffer.alloc(1), 0)).rejects.toThrow(disk.name);
      await expect(read(0, 1)).rejects.toThrow(disk.name);
    });
  });
}
