import { describe, expect, it } from 'vitest';
import { toOpenError } from '../../../../provision/disk/disk.block.ts';
import { toDiskError } from '../../../../provision/disk/disk-error.ts';
import { BrambleError } from '../../../../src/support/errors.ts';
import { diskInfo } from '../../../support/disk-info.ts';

const system = (code: string): Error => Object.assign(new Error(`${code}: something`), { code });

describe('what a disk says when it fails', () => {
  it.each([
    ['ENOSPC', 'DISK_FULL', 'no room'],
    ['EDQUOT', 'DISK_FULL', 'no room'],
    ['EFBIG', 'DISK_FULL', 'FAT'],
    ['EIO', 'DISK_FAILED', 'another reader'],
    ['ENXIO', 'DISK_FAILED', 'plug it in again'],
    ['ENODEV', 'DISK_FAILED', 'plug it in again'],
    ['ENOMEDIUM', 'DISK_FAILED', 'plug it in again'],
    ['EROFS', 'DISK_REFUSED', 'write-protected'],
    ['EWHATEVER', 'DISK_FAILED', 'something'],
  ])('after %s is %s: what was done, on what, where, and what to do', (code, expected, advice) => {
    const error = toDiskError(system(code), 'write', '/dev/sdb', 'at byte 4096');
    expect(error).toMatchObject({ code: expected, cause: expect.any(Error) });
    expect(error.message).toMatch(/^cannot write \/dev\/sdb at byte 4096: /);
    expect(error.message).toContain(advice);
    expect(error.message).toContain(code);
  });

  it('is passed on when it was translated already', () => {
    const error = new BrambleError('DISK_FULL', 'it ends there');
    expect(toDiskError(error, 'write', '/dev/sdb')).toBe(error);
  });
});

describe('a block device that cannot be opened', () => {
  it('names what is mounted and how to unmount it', () => {
    const disk = diskInfo({
      parts: [
        { path: '/dev/sdb1', label: '', fileSystem: 'vfat', sizeBytes: 1, mountPoints: ['/media/a/bootfs'] },
      ],
      unmountCommand: 'umount /dev/sdb1',
    });
    const error = toOpenError(system('EBUSY'), disk, disk.path);
    expect(error.code).toBe('DISK_REFUSED');
    expect(error.message).toContain('mounted at /media/a/bootfs; unmount it: umount /dev/sdb1');
  });

  it('says how to find the program that has it open', () => {
    const error = toOpenError(system('EBUSY'), diskInfo(), '/dev/sdb');
    expect(error.code).toBe('DISK_REFUSED');
    expect(error.message).toContain('lsof /dev/sdb');
  });

  it.each(['EACCES', 'EPERM'])('names the commands that give the right to write it, after %s', (code) => {
    const error = toOpenError(system(code), diskInfo({ path: '/dev/disk4' }), '/dev/rdisk4');
    expect(error.code).toBe('DISK_REFUSED');
    expect(error.message).toContain('sudo chown $USER /dev/rdisk4');
  });

  it.each([
    ['ENOENT', 'NOT_FOUND'],
    ['ENOMEDIUM', 'DISK_FAILED'],
    ['EROFS', 'DISK_REFUSED'],
  ])('is %s → %s otherwise', (code, expected) => {
    expect(toOpenError(system(code), diskInfo(), '/dev/sdb').code).toBe(expected);
  });
});
