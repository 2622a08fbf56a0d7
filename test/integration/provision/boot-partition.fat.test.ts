import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openBootPartition } from '../../../provision/boot/boot-partition.fat.ts';
import type { BootPartition } from '../../../provision/boot/boot-partition.ts';
import { detectFirstBoot } from '../../../provision/boot/detect-first-boot.ts';
import { type Partition, readPartitionTable } from '../../../provision/boot/partition-table.ts';
import { type DiskFaults, type MemoryDisk, openMemoryDisk } from '../../../provision/disk/disk.memory.ts';
import { BrambleError } from '../../../src/support/errors.ts';
import { readFatWithTools } from '../../support/boot-tools.ts';
import { duringTest } from '../../support/during-test.ts';
import {
  bootOffset,
  canMakePiImages,
  makePiImage,
  type PiImageOptions,
  run,
} from '../../support/pi-image.ts';

const mib = 1024 * 1024;
const withTools = describe.skipIf(!canMakePiImages);

withTools('a boot partition (needs fdisk, dosfstools, mtools and e2fsprogs)', () => {
  test.each(['fat32', 'fat16'] as const)('in %s shows the files that mtools shows', async (boot) => {
    const { disk, partition } = await card({ release: 'bookworm', boot });
    const files = await openBootPartition(disk, partition);
    const found = new Map(files.list().map((path) => [path, Buffer.from(files.read(path) ?? [])]));
    expect(digests(found)).toEqual(digests(filesOn(disk, partition)));
  });

  test.each(['bookworm', 'trixie'] as const)('of %s is recognised', async (release) => {
    const { disk, partition } = await card({ release });
    expect(detectFirstBoot(await openBootPartition(disk, partition))).toBe(release);
  });

  test('has no content for what is missing, or is a folder', async () => {
    const { files } = await opened();
    for (const path of ['nothing', 'nowhere/nothing', 'overlays', 'cmdline.txt/nothing'])
      expect(files.read(path)).toBeUndefined();
  });

  test('finds a file whatever the case of its name, and keeps the case it has', async () => {
    const { files, close } = await opened();
    files.write('CMDLINE.TXT', Buffer.from('short'));
    expect(Buffer.from(files.read('cmdline.txt') ?? []).toString()).toBe('short');
    expect([...close().keys()]).toContain('cmdline.txt');
  });

  test.each(['fat32', 'fat16'] as const)(
    'in %s takes new, longer, shorter and empty files, and leaves all others as they are',
    async (boot) => {
      const { files, close, before } = await opened({ release: 'trixie', boot });
      const changes = new Map<string, Buffer>([
        ['user-data', Buffer.from('#cloud-config\n'.repeat(700))],
        ['config.txt', Buffer.from('arm_64bit=1\n')],
        ['ssh', Buffer.alloc(0)],
        ['issue.txt', Buffer.alloc(0)],
        ['kernel8.img', Buffer.alloc(300_001, 'new kernel')],
        ['Grüße aus 東京, with a name as long as a name of some sixty letters.txt', Buffer.from('hello')],
        ['a/folder in/a folder/file', Buffer.from('deep')],
      ]);
      for (const [path, content] of changes) files.write(path, content);
      for (const [path, content] of changes)
        expect(content.equals(files.read(path) ?? content.subarray(1))).toBe(true);
      expect(digests(close())).toEqual(digests(new Map([...before(), ...changes])));
    },
  );

  test('grows a folder for as many files as there are', async () => {
    const { files, close, before } = await opened();
    const overlays = Array.from(
      { length: 100 },
      (_, i) => `overlays/one more overlay with a long name ${i}.dtbo`,
    );
    for (const path of overlays) files.write(path, Buffer.from(path));
    const expected = new Map([...before(), ...overlays.map((path) => [path, Buffer.from(path)] as const)]);
    expect(digests(close())).toEqual(digests(expected));
  });

  test('is as it was when a file does not fit, folders and the file that it should replace included', async () => {
    const { files, close, before } = await opened({
      release: 'bookworm',
      boot: 'fat16',
      bootFreeBytes: 2 * 2048,
    });
    for (const path of ['config.txt', 'new.txt', 'new folder/with/new.txt'])
      expect(() => files.write(path, Buffer.alloc(10_000))).toThrow(
        expect.objectContaining({ code: 'DISK_FULL', message: expect.stringContaining(path) }),
      );
    expect(digests(close())).toEqual(digests(before()));
  });

  test('that is full takes a file in the room of the one that it replaces', async () => {
    const { files, close } = await opened({ release: 'bookworm', boot: 'fat16', bootFreeBytes: 0 });
    const content = Buffer.alloc(1_900_000, 'other');
    files.write('kernel8.img', content);
    expect(close().get('kernel8.img')?.equals(content)).toBe(true);
  });

  test('refuses the file for which its folder has no room, in FAT16, and takes those before', async () => {
    const { files, close, before } = await opened({ release: 'bookworm', boot: 'fat16' });
    // The root folder of FAT16 has 512 entries, and a name of this length takes six.
    const names = Array.from({ length: 100 }, (_, i) => `${'a long name '.repeat(5)}${i}`);
    const refused = names.findIndex(
      (name) => codeOf(() => files.write(name, Buffer.from(name))) === 'DISK_FULL',
    );
    expect(refused).toBeGreaterThan(50);
    expect(close().size).toBe(before().size + refused);
  });

  test('changes nothing on the disk before it is unmounted, and is of no use afterwards', async () => {
    const { files, disk, partition, close, before } = await opened();
    files.write('ssh', Buffer.alloc(0));
    expect(digests(filesOn(disk, partition))).toEqual(digests(before()));
    expect(close().has('ssh')).toBe(true);
    expect(() => files.write('other', Buffer.alloc(1))).toThrow(TypeError);
    expect(() => files.list()).toThrow(TypeError);
  });

  test('writes a few files in a few runs', async () => {
    const { disk, partition } = await card({ release: 'trixie' });
    const lengths: number[] = [];
    const files = await openBootPartition(
      {
        name: disk.name,
        readNow: disk.readNow,
        writeNow: (data, offset) => {
          lengths.push(data.length);
          disk.writeNow(data, offset);
        },
      },
      partition,
    );
    for (const path of ['user-data', 'config.txt', 'new']) files.write(path, Buffer.alloc(20_000, path));
    files.unmount();
    expect(lengths.length).toBeLessThan(20);
    expect(Math.max(...lengths)).toBeGreaterThan(10_000);
  });

  test('tells of a disk that cannot be read', async () => {
    const { disk, partition } = await card({ release: 'bookworm' }, { unreadableFrom: 2 * mib });
    const files = await openBootPartition(disk, partition);
    expect(codeOf(() => files.read('kernel8.img'))).toBe('DISK_FAILED');
    const unreadable = openMemoryDisk({ faults: { unreadableFrom: 0 } });
    await expect(openBootPartition(unreadable, partition)).rejects.toMatchObject({ code: 'DISK_FAILED' });
  });

  test('tells of a disk that fails while it is unmounted', async () => {
    const { disk, partition } = await card({ release: 'bookworm' });
    const full = {
      name: disk.name,
      readNow: disk.readNow,
      writeNow: () => disk.writeNow(Buffer.alloc(1), 8e9),
    };
    const files = await openBootPartition(full, partition);
    files.write('ssh', Buffer.alloc(0));
    expect(codeOf(() => files.unmount())).toBe('DISK_FULL');
  });

  test('is refused when it is not FAT, or goes on beyond the partition', async () => {
    const noise = await card({ release: 'bookworm', boot: 'noise' });
    await expect(openBootPartition(noise.disk, noise.partition)).rejects.toThrow(/it is not FAT/);
    const { disk, partition } = await card({ release: 'bookworm' });
    const files = await openBootPartition(disk, { ...partition, lengthBytes: 2 * mib });
    expect(() => files.read('start4.elf')).toThrow(/beyond the partition's end/);
  });

  test('refuses to put a file where a folder is, or into a file', async () => {
    const { files, close, before } = await opened();
    for (const path of ['overlays', 'cmdline.txt/in a file', 'cmdline.txt/in/a/file'])
      expect(codeOf(() => files.write(path, Buffer.alloc(1)))).toBe('IMAGE_BROKEN');
    expect(digests(close())).toEqual(digests(before()));
  });

  test('refuses to replace a file that is marked as read-only', async () => {
    const path = makePiImage({ release: 'bookworm', boot: 'fat16', folder: duringTest.folder() });
    run('mattrib', ['-i', `${path}@@${bootOffset}`, '+r', '::issue.txt']);
    const { disk, partition } = await cardOf(readFileSync(path));
    const files = await openBootPartition(disk, partition);
    expect(() => files.write('issue.txt', Buffer.alloc(1))).toThrow(/issue\.txt is marked as read-only/);
  });

  test('takes what is no path for a mistake of the caller', async () => {
    const { files } = await opened();
    const wrong = [
      '',
      '/cmdline.txt',
      'a//b',
      '../a',
      'a\\b',
      'a:b',
      '0:/a',
      'a.',
      'a ',
      'a\nb',
      '\ud800',
      'x'.repeat(256),
    ];
    for (const path of wrong) {
      expect(() => files.read(path), path).toThrow(TypeError);
      expect(() => files.write(path, Buffer.alloc(1)), path).toThrow(TypeError);
    }
  });

  test('damaged anywhere it gives an error of ours or works, and ends', async () => {
    const image = imageOf({ release: 'bookworm', boot: 'fat16' });
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ at: fc.nat(90 * 1024), bytes: fc.uint8Array({ minLength: 1, maxLength: 600 }) }),
          {
            minLength: 1,
            maxLength: 20,
          },
        ),
        async (damages) => {
          const { disk, partition } = await cardOf(image);
          for (const { at, bytes } of damages) disk.writeNow(bytes, partition.offset + at);
          await ignoreOurErrors(async () => useIt(await openBootPartition(disk, partition)));
        },
      ),
      { numRuns: 25 },
    );
  });

  test.each([
    ['fat32', {}],
    ['fat16', { bootFreeBytes: 100 * 2048 }],
  ] as const)('in %s is what a map of files would be, after any writes', async (boot, room) => {
    const image = imageOf({ release: 'trixie', boot, ...room });
    const before = filesIn(image);
    const segment = fc.constantFrom(
      'a',
      'config.txt',
      'overlays',
      'Ünïcödé name',
      'with a rather long name.dtbo',
      '東京',
    );
    const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'));
    const length = fc.oneof(
      fc.constant(0),
      fc.integer({ min: 1, max: 2000 }),
      fc.integer({ min: 1, max: 90_000 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(path, length, fc.nat(255)), { maxLength: 30 }), async (writes) => {
        const { disk, partition } = await cardOf(image);
        const model = new Map(before);
        const files = await openBootPartition(disk, partition);
        for (const [name, bytes, value] of writes) {
          const content = Buffer.alloc(bytes, value);
          const code = codeOf(() => files.write(name, content));
          if (code === undefined) model.set(name, content);
          else expect(['DISK_FULL', 'IMAGE_BROKEN']).toContain(code);
        }
        expect([...files.list()].sort()).toEqual([...model.keys()].sort());
        files.unmount();
        expect(digests(filesOn(disk, partition))).toEqual(digests(model));
      }),
      { numRuns: 5 },
    );
  });
});

interface Card {
  readonly disk: MemoryDisk;
  readonly partition: Partition;
}

async function card(options: Omit<PiImageOptions, 'folder'>, faults: DiskFaults = {}): Promise<Card> {
  return cardOf(imageOf(options), faults);
}

async function cardOf(image: Uint8Array, faults: DiskFaults = {}): Promise<Card> {
  const disk = openMemoryDisk({ faults });
  disk.writeNow(image, 0);
  const { boot } = await readPartitionTable(disk, image.length);
  return { disk, partition: boot };
}

function imageOf(options: Omit<PiImageOptions, 'folder'>): Buffer {
  return readFileSync(makePiImage({ ...options, folder: duringTest.folder() }));
}

async function opened(options: Omit<PiImageOptions, 'folder'> = { release: 'bookworm' }) {
  const image = imageOf(options);
  const { disk, partition } = await cardOf(image);
  const files = await openBootPartition(disk, partition);
  const close = () => {
    files.unmount();
    return filesOn(disk, partition);
  };
  return { disk, partition, files, close, before: () => filesIn(image) };
}

function filesIn(image: Uint8Array): ReadonlyMap<string, Buffer> {
  return readFatWithTools(image.subarray(bootOffset));
}

function filesOn(disk: MemoryDisk, { offset, lengthBytes }: Partition): ReadonlyMap<string, Buffer> {
  return readFatWithTools(disk.stored(offset, lengthBytes));
}

/** To compare and to show: nobody wants to read two megabytes of a kernel. */
function digests(files: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries(
    [...files].map(([path, content]) => [
      path,
      `${content.length} bytes, ${createHash('sha256').update(content).digest('hex')}`,
    ]),
  );
}

function codeOf(action: () => void): string | undefined {
  try {
    action();
    return undefined;
  } catch (err) {
    if (err instanceof BrambleError) return err.code;
    throw err;
  }
}

function useIt(files: BootPartition): void {
  for (const path of files.list()) codeOf(() => files.read(path));
  for (const path of ['cmdline.txt', 'new', 'overlays/new', 'folder/new'])
    codeOf(() => files.write(path, Buffer.alloc(5000, path)));
  files.unmount();
}

async function ignoreOurErrors(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (err) {
    if (!(err instanceof BrambleError)) throw err;
  }
}
