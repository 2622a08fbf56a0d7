import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { BootFile } from '../../../../provision/customise/boot-files.ts';
import {
  type MemoryDisk,
  type MemoryDiskOptions,
  openMemoryDisk,
} from '../../../../provision/disk/disk.memory.ts';
import {
  type FlashDiskOptions,
  type FlashProgress,
  flashDisk,
} from '../../../../provision/flash/flash-disk.ts';
import { BrambleError } from '../../../../src/support/errors.ts';
import { imageOf, openPlainBoot, plainImage } from '../../../support/flash-parts.ts';

const mib = 1024 * 1024;
const file: BootFile = { path: 'meta-data', content: 'instance-id: 1\n', isSecret: false, purpose: 'a test' };
const sha256 = createHash('sha256').update(plainImage()).digest('hex');

interface Flashing {
  readonly disk: MemoryDisk;
  readonly result: Promise<Awaited<ReturnType<typeof flashDisk>>>;
  readonly progress: FlashProgress[];
}

function flash(diskOptions: MemoryDiskOptions = {}, options: Partial<FlashDiskOptions> = {}): Flashing {
  const progress: FlashProgress[] = [];
  const disk = openMemoryDisk({ sizeBytes: 8 * mib, content: Buffer.alloc(8 * mib, 'old '), ...diskOptions });
  const result = flashDisk({
    image: imageOf(plainImage()),
    disk,
    customise: () => [file],
    openBoot: openPlainBoot,
    onProgress: (one) => void progress.push(one),
    signal: new AbortController().signal,
    ...options,
  });
  return { disk, result, progress };
}

const isAsItWas = (disk: MemoryDisk) => disk.stored(0, 8).toString() === 'old old ';
const hasNoTable = (disk: MemoryDisk) => disk.stored(0, 4096).every((byte) => byte === 0);

describe('flashing a disk', () => {
  it('writes the image and the files, and then lets it count', async () => {
    const { disk, result } = flash();
    expect(await result).toEqual({ imageBytes: 4 * mib, sha256, files: [file] });
    expect(disk.isSynced).toBe(true);
    const stored = Buffer.from(disk.stored(0, 4 * mib));
    expect(stored.subarray(0, mib).equals(plainImage().subarray(0, mib))).toBe(true);
    expect(stored.subarray(mib, mib + 100).toString()).toContain('instance-id: 1');
    expect(stored.subarray(2 * mib).equals(plainImage().subarray(2 * mib))).toBe(true);
    expect(disk.stored(4 * mib, 4).toString()).toBe('old ');
  });

  it('tells of writing, verifying and customising, each to its end', async () => {
    const { result, progress } = flash();
    await result;
    expect([...new Set(progress.map(({ stage }) => stage))]).toEqual([
      'write',
      'sync',
      'verify',
      'customise',
    ]);
    const ends = progress.filter(({ ratio }) => ratio === 1).map(({ stage }) => stage);
    expect(new Set(ends)).toEqual(new Set(['write', 'sync', 'verify', 'customise']));
    expect(progress[0]).toEqual({ stage: 'write', doneBytes: 0, totalBytes: 4 * mib, ratio: 0 });
  });

  it('goes by what was read of the source where the length of the image is not known', async () => {
    const { result, progress } = flash({}, { image: imageOf(plainImage(), { sizeBytes: undefined }) });
    await result;
    const writes = progress.filter(({ stage }) => stage === 'write');
    expect(writes.map(({ ratio }) => ratio)).toEqual([0.25, 0.25, 0.5, 0.75, 1]);
    expect(writes.every(({ totalBytes }) => totalBytes === undefined)).toBe(true);
  });

  it.each([
    ['no partition table', Buffer.alloc(mib, 1)],
    ['no boot partition', plainImage({ types: [0x83, 0x83] })],
    ['no root partition', plainImage({ types: [0x0c, 0x0c] })],
    ['partitions that reach beyond its end', plainImage({ sizeBytes: 2 * mib })],
    ['a few bytes only', Buffer.alloc(100)],
    ['nothing at all', Buffer.alloc(0)],
  ])('leaves the disk alone when the image has %s', async (_what, content) => {
    const { disk, result } = flash({}, { image: imageOf(content) });
    await expect(result).rejects.toMatchObject({ code: 'IMAGE_BROKEN' });
    expect(isAsItWas(disk)).toBe(true);
  });

  it('leaves no partition table when the image turns out to be broken at its end', async () => {
    const endsWith = new BrambleError('IMAGE_BROKEN', 'wrong checksum');
    const { disk, result } = flash({}, { image: imageOf(plainImage(), { endsWith }) });
    await expect(result).rejects.toBe(endsWith);
    expect(hasNoTable(disk)).toBe(true);
  });

  it('leaves no partition table when the disk fails half-way', async () => {
    const { disk, result } = flash({ faults: { failsFrom: 2 * mib } });
    await expect(result).rejects.toMatchObject({ code: 'DISK_FAILED' });
    expect(hasNoTable(disk)).toBe(true);
  });

  it('says that the disk is too small when the image did not tell its length', async () => {
    const image = imageOf(plainImage(), { sizeBytes: undefined });
    const { disk, result } = flash({ sizeBytes: 3 * mib, content: Buffer.alloc(0) }, { image });
    await expect(result).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(hasNoTable(disk)).toBe(true);
  });

  it.each([
    ['forgets what lies beyond its true size', { forgetsFrom: 3 * mib }],
    ['gives back one wrong bit', { flipsAt: 3 * mib + 5 }],
    ['cannot be read', { unreadableFrom: 3 * mib }],
  ])('does not accept a disk that %s', async (_what, faults) => {
    const { disk, result } = flash({ faults });
    await expect(result).rejects.toMatchObject({ code: 'DISK_FAILED' });
    expect(hasNoTable(disk)).toBe(true);
  });

  it('does not accept a disk that drops a file of the boot partition', async () => {
    const openBoot: FlashDiskOptions['openBoot'] = async (disk, partition) => ({
      ...(await openPlainBoot(disk, partition)),
      unmount() {},
    });
    const { disk, result } = flash({}, { openBoot });
    await expect(result).rejects.toMatchObject({
      code: 'DISK_FAILED',
      message: expect.stringContaining('does not give back meta-data'),
    });
    expect(hasNoTable(disk)).toBe(true);
  });

  it('finds out before it reads all back that the image cannot be made a node', async () => {
    const customise = () => {
      throw new BrambleError('UNSUPPORTED', 'what is this?');
    };
    const { disk, result, progress } = flash({}, { customise });
    await expect(result).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(progress.some(({ stage }) => stage === 'verify')).toBe(false);
    expect(hasNoTable(disk)).toBe(true);
  });

  it.each(['write', 'verify', 'customise'] as const)(
    'ends when it is interrupted at the stage %s',
    async (stage) => {
      const abort = new AbortController();
      const reason = new Error('enough');
      const onProgress = (one: FlashProgress) => one.stage === stage && one.ratio < 1 && abort.abort(reason);
      const { disk, result } = flash({}, { signal: abort.signal, onProgress });
      await expect(result).rejects.toBe(reason);
      expect(hasNoTable(disk)).toBe(true);
    },
  );
});
