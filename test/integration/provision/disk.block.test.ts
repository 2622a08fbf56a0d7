import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, symlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Disk } from '../../../provision/disk/disk.ts';
import type { DiskInfo } from '../../../provision/disk/disk-info.ts';
import { judgeDisk } from '../../../provision/disk/judge-disk.ts';
import { listDisks } from '../../../provision/disk/list-disks.ts';
import { findTarget, openTarget, type Target } from '../../../provision/disk/target.ts';
import { diskContract } from '../../contract/disk-contract.ts';
import { duringTest } from '../../support/during-test.ts';
import {
  attachLoopDevice,
  type LoopDevice,
  type LoopDeviceOptions,
  lacksLoopDevices,
} from '../../support/loop-device.ts';
import { mountTmpfs } from '../../support/tmpfs.ts';

const { signal } = new AbortController();

function attachDuringTest(options: LoopDeviceOptions = {}): LoopDevice {
  const loop = attachLoopDevice(options);
  onTestFinished(() => loop.detach());
  return loop;
}

async function openDuringTest(path: string): Promise<Disk> {
  const disk = await openTarget(await findTarget(path, { signal }), { signal });
  onTestFinished(() => disk.close());
  return disk;
}

async function diskAt(path: string): Promise<Extract<Target, { kind: 'disk' }>> {
  const target = await findTarget(path, { signal });
  if (target.kind !== 'disk') throw new Error(`${path} is no disk`);
  return target;
}

const openBench = (options: LoopDeviceOptions) => async () => {
  const loop = attachLoopDevice(options);
  const disk = await openTarget(await findTarget(loop.path, { signal }), { signal });
  return { disk, stored: loop.stored, remove: () => loop.detach() };
};

describe('the disks of this machine', () => {
  it('are not waited for by one who gives up', async () => {
    const reason = new Error('given up');
    await expect(listDisks({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe.skipIf(lacksLoopDevices)('on real block devices (skipped where losetup may not make one)', () => {
  diskContract('a block device', openBench({}));
  diskContract('a block device with blocks of 4096 bytes', openBench({ blockBytes: 4096 }));

  describe('a block device', () => {
    it('is read from its medium, not from what the machine remembers of it', async () => {
      const loop = attachDuringTest();
      const disk = await openDuringTest(loop.path);
      await disk.write(Buffer.alloc(4096, 1), 8192);
      await disk.sync();
      const fd = openSync(loop.file, 'r+');
      writeSync(fd, Buffer.alloc(4096, 2), 0, 4096, 8192);
      fsyncSync(fd);
      closeSync(fd);
      const into = Buffer.alloc(4096);
      await disk.read(into, 8192);
      expect(into).toEqual(Buffer.alloc(4096, 2));
    });

    it('loses its partition table with the first write, and keeps all else until it is written', async () => {
      const loop = attachDuringTest();
      const fd = openSync(loop.file, 'r+');
      const old = randomBytes(8192);
      writeSync(fd, old, 0, old.length, 0);
      closeSync(fd);
      const disk = await openDuringTest(loop.path);
      expect(loop.stored(0, 8192)).toEqual(old);
      await disk.write(Buffer.alloc(512, 1), 1_000_000);
      expect(loop.stored(0, 4096)).toEqual(Buffer.alloc(4096));
      expect(loop.stored(4096, 4096)).toEqual(old.subarray(4096));
    });

    it('is refused while something on it is mounted, with the command that unmounts it', async () => {
      const loop = attachDuringTest();
      execFileSync('mkfs.ext4', ['-q', loop.path]);
      const folder = duringTest.folder();
      execFileSync('mount', [loop.path, folder]);
      try {
        const target = await diskAt(loop.path);
        const refusal = `mounted at ${folder}; unmount it: umount ${loop.path}`;
        expect(judgeDisk(target.disk, { imageBytes: 1000, isNamed: true })).toEqual({
          mayWrite: false,
          reason: expect.stringContaining(refusal),
        });
        await expect(openTarget(target, { signal })).rejects.toMatchObject({
          code: 'DISK_REFUSED',
          message: expect.stringContaining(refusal),
        });
      } finally {
        execFileSync('umount', [folder]);
      }
    });

    it('cannot be mounted or opened a second time while it is open', async () => {
      const loop = attachDuringTest();
      execFileSync('mkfs.ext4', ['-q', loop.path]);
      await openDuringTest(loop.path);
      const folder = duringTest.folder();
      onTestFinished(() => void spawnSync('umount', [folder])); // if it could be mounted
      expect(() => execFileSync('mount', [loop.path, folder], { stdio: 'pipe' })).toThrow(
        /busy|already mounted/,
      );
      await expect(openTarget(await diskAt(loop.path), { signal })).rejects.toMatchObject({
        code: 'DISK_REFUSED',
        message: expect.stringContaining('in use by another program'),
      });
    });

    it('says where it failed when its medium takes no more', async () => {
      const { folder, unmount } = mountTmpfs(4);
      onTestFinished(unmount);
      const loop = attachDuringTest({ folder });
      const disk = await openDuringTest(loop.path);
      const piece = randomBytes(1024 * 1024);
      const fill = async (): Promise<void> => {
        for (let offset = 0; offset < 16 * piece.length; offset += piece.length)
          await disk.write(piece, offset);
      };
      await expect(fill()).rejects.toMatchObject({
        code: expect.stringMatching(/^DISK_F/),
        message: expect.stringMatching(/^cannot write \/dev\/loop\d+ at byte \d{7}: .*\((EIO|ENOSPC)\)$/),
      });
    });

    it('lets nothing be mixed up by a second call before the first is done', async () => {
      const disk = await openDuringTest(attachDuringTest().path);
      await disk.write(Buffer.alloc(4096), 0);
      const first = disk.write(Buffer.alloc(4096, 1), 8192);
      await expect(disk.write(Buffer.alloc(4096, 2), 16_384)).rejects.toThrow(TypeError);
      await first;
    });

    it('is found by a link to it', async () => {
      const loop = attachDuringTest();
      const link = join(duringTest.folder(), 'usb-card');
      symlinkSync(loop.path, link);
      expect((await diskAt(link)).disk).toMatchObject({
        path: loop.path,
        kind: 'loop',
        sizeBytes: 33_554_432,
      });
    });

    const part = { path: '/dev/part', label: '', fileSystem: '', sizeBytes: 1_000_000, mountPoints: [] };
    it.each<[string, Partial<DiskInfo>]>([
      ['size', { sizeBytes: 64_000_000_000 }],
      ['content', { parts: [part] }],
    ])('is not opened when a disk of another %s is there than the one that was found', async (_, change) => {
      const target = await diskAt(attachDuringTest().path);
      const other: Target = { kind: 'disk', disk: { ...target.disk, ...change } };
      await expect(openTarget(other, { signal })).rejects.toMatchObject({
        code: 'DISK_REFUSED',
        message: expect.stringContaining('another disk'),
      });
    });

    it('is known to be write-protected', async () => {
      const { disk } = await diskAt(attachDuringTest({ isReadOnly: true }).path);
      expect(judgeDisk(disk, { imageBytes: 1000, isNamed: true })).toEqual({
        mayWrite: false,
        reason: expect.stringContaining('write-protected'),
      });
    });
  });
});
