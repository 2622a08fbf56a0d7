import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { findDisk, findTarget } from '../../../../provision/disk/target.ts';
import { diskInfo } from '../../../support/disk-info.ts';

const { signal } = new AbortController();

describe('a target', () => {
  let folder: string;
  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'bramble-target-')));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const find = (path: string) => findTarget(path, { signal });
  const refusal = (why: string) => ({ code: 'DISK_REFUSED', message: expect.stringContaining(why) });

  it('may be a new file', async () => {
    const path = join(folder, 'pi-01.img');
    expect(await find(path)).toEqual({ kind: 'file', path });
  });

  it('may be a file, whose place is where it is, not where a link to it is', async () => {
    const path = join(folder, 'pi-01.img');
    const link = join(folder, 'link');
    writeFileSync(path, '');
    symlinkSync(path, link);
    expect(await find(path)).toEqual({ kind: 'file', path });
    expect(await find(link)).toEqual({ kind: 'file', path });
  });

  it('may not be a folder', async () => {
    await expect(find(folder)).rejects.toMatchObject(refusal('is a folder'));
  });

  it('may not be a link to nothing', async () => {
    const link = join(folder, 'link');
    symlinkSync(join(folder, 'nothing'), link);
    await expect(find(link)).rejects.toMatchObject(refusal('a link to something that does not exist'));
  });

  it('may not be a character device', async () => {
    await expect(find('/dev/null')).rejects.toMatchObject(refusal('is a character device'));
  });

  it('may not be a pipe', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    await expect(find(path)).rejects.toMatchObject(refusal('is a pipe'));
  });

  it('may not be a socket', async () => {
    const path = join(folder, 'socket');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
    await expect(find(path)).rejects.toMatchObject(refusal('is a socket'));
  });

  it('is never a new file among the devices: a disk that is not there is not there', async () => {
    await expect(find('/dev/bramble-no-such-disk')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('is the card plugged in?'),
    });
  });
});

describe('a disk', () => {
  const card = diskInfo({
    parts: [{ path: '/dev/sdb1', label: 'bootfs', fileSystem: 'vfat', sizeBytes: 1, mountPoints: [] }],
  });
  const disks = [diskInfo({ path: '/dev/sda' }), card];

  it('is found by its path', () => {
    expect(findDisk(disks, '/dev/sdb')).toBe(card);
  });

  it('is named to one who names a partition of it', () => {
    expect(() => findDisk(disks, '/dev/sdb1')).toThrow(
      expect.objectContaining({
        code: 'DISK_REFUSED',
        message: '/dev/sdb1 is a part of /dev/sdb; an image replaces a whole disk: name /dev/sdb',
      }),
    );
  });

  it('that is not listed is not there', () => {
    expect(() => findDisk(disks, '/dev/sdc')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
  });
});
