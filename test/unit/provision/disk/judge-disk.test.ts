import { describe, expect, it } from 'vitest';
import { type JudgeOptions, judgeDisk } from '../../../../provision/disk/judge-disk.ts';
import { readLsblk } from '../../../../provision/disk/read-lsblk.ts';
import { builtInCards, machines } from '../../../support/lsblk-samples.ts';

const options: JudgeOptions = { imageBytes: 5_000_000_000, isNamed: false };

/** What is said of each disk of a machine: `may be written`, or why not. */
function judgeAll(machine: unknown, also: Partial<JudgeOptions> = {}): Record<string, string> {
  const said = readLsblk(machine, builtInCards).map((disk) => {
    const verdict = judgeDisk(disk, { ...options, ...also });
    return [
      disk.path,
      verdict.mayWrite ? ['may be written', ...verdict.warnings].join('; ') : verdict.reason,
    ];
  });
  return Object.fromEntries(said);
}

describe('a card', () => {
  it('in a USB reader may be written, the disk that the machine runs from may not', () => {
    expect(judgeAll(machines.laptopWithReader)).toEqual({
      '/dev/nvme0n1': expect.stringContaining('own disks: /boot/efi is on it'),
      '/dev/sda': 'may be written',
      '/dev/sdb': '/dev/sdb has no medium; is a card in the reader?',
      '/dev/sr0': expect.stringContaining('no disk that can be written as a whole'),
    });
  });

  it('in a built-in slot may be written, memory that is soldered in may not', () => {
    expect(judgeAll(machines.chromebook)).toEqual({
      '/dev/mmcblk0': expect.stringContaining('built in, not removable'),
      '/dev/mmcblk0boot0': expect.stringContaining('built in, not removable'),
      '/dev/mmcblk1': 'may be written',
    });
  });

  it('that a desktop has mounted may not be written before it is unmounted, with the command for it', () => {
    expect(judgeAll(machines.desktopMountedCard)).toMatchObject({
      '/dev/sdb':
        '/dev/sdb is in use, mounted at /media/anna/bootfs and /media/anna/rootfs; unmount it: umount /dev/sdb1 /dev/sdb2',
    });
  });

  it('that a Pi runs from is a disk of the system', () => {
    expect(judgeAll(machines.pi)).toEqual({
      '/dev/mmcblk1': expect.stringContaining('own disks: /boot/firmware is on it'),
    });
  });

  it('behind a slid lock is write-protected', () => {
    expect(judgeAll(machines.lockedCard)).toEqual({ '/dev/sdb': expect.stringContaining('slide the lock') });
  });

  it.each([
    [31_914_983_424, 'may be written'],
    [31_914_983_425, '/dev/sda is too small: it holds 31.9 GB, the image needs 31.9 GB'],
    [undefined, 'may be written'],
  ])('must hold the image, of %s bytes', (imageBytes, expected) => {
    expect(judgeAll(machines.laptopWithReader, { imageBytes })['/dev/sda']).toBe(expected);
  });

  it.each([
    [31_914_983_424, 'may be written'],
    [
      31_914_983_423,
      '/dev/sda holds 31.9 GB, more than the limit of 31.9 GB; if it is meant, raise it with --max-size',
    ],
  ])('must not be larger than the limit, of %s bytes', (maxBytes, expected) => {
    expect(judgeAll(machines.laptopWithReader, { maxBytes })['/dev/sda']).toBe(expected);
  });
});

describe('a disk that is no card', () => {
  it('may not be written when it is built in, however little is on it', () => {
    expect(judgeAll(machines.emptySecondDisk)).toMatchObject({
      '/dev/sdb': expect.stringContaining('built in, not removable'),
    });
  });

  it('may not be written when it is an NVMe disk, even one that can be unplugged', () => {
    expect(judgeAll(machines.thunderbolt)).toEqual({ '/dev/nvme1n1': expect.stringContaining('NVMe') });
  });

  it('is too large when it is somebody’s backup', () => {
    expect(judgeAll(machines.backupDisk)).toEqual({
      '/dev/sdc':
        '/dev/sdc holds 2.0 TB, more than the limit of 256 GB; if it is meant, raise it with --max-size',
    });
  });

  it('may be written with a warning when it can be unplugged and the limit was raised', () => {
    expect(judgeAll(machines.backupDisk, { maxBytes: 4e12 })).toEqual({
      '/dev/sdc': expect.stringMatching(
        /^may be written; \/dev\/sdc is a disk that can be unplugged, not a card/,
      ),
    });
  });

  it.each([
    ['through encryption and LVM', machines.encryptedUsbSystem, '/ is on it'],
    ['through RAID', machines.raidOnSticks, '/var/lib/docker is on it'],
    ['by swap', machines.swapOnStick, 'it swaps there'],
    ['without a partition table', machines.homeOnWholeStick, '/home is on it'],
    ['as older versions of lsblk print it', machines.oldLsblk, '/ is on it'],
  ])('is the system’s own %s, though it can be taken out', (_, machine, expected) => {
    expect(Object.values(judgeAll(machine))[0]).toContain(expected);
  });

  it('is the system’s own only by whole names of folders', () => {
    expect(judgeAll(machines.nearlySystemFolders)).toEqual({
      '/dev/sdb': expect.stringContaining('is in use, mounted at /variety and /mnt/usr'),
    });
  });
});

describe('a loop device', () => {
  it('may be written when it was named', () => {
    expect(judgeAll(machines.loops, { isNamed: true })['/dev/loop7']).toBe('may be written');
  });

  it('may not be written when it was not', () => {
    expect(judgeAll(machines.loops)['/dev/loop7']).toContain('only when it is named');
  });

  it('may not be written when the system uses it, named or not', () => {
    expect(judgeAll(machines.loops, { isNamed: true })['/dev/loop0']).toContain('/snap/core22/1621 is on it');
  });
});

describe('what nobody understands', () => {
  it.each([
    ['no size', { size: null }],
    ['no flags', { rm: null, hotplug: null }],
    ['no type', { type: null }],
    ['flags of another kind', { rm: 'yes', hotplug: {} }],
  ])('is not written: %s', (_, fields) => {
    const card = { kname: 'sdb', path: '/dev/sdb', type: 'disk', rm: true, hotplug: true, size: 32e9 };
    expect(judgeAll({ blockdevices: [card] })['/dev/sdb']).toBe('may be written');
    expect(judgeAll({ blockdevices: [{ ...card, ...fields }] })['/dev/sdb']).not.toContain('may be written');
  });
});
