import { describe, expect, it } from 'vitest';
import { describeDisk } from '../../../../provision/disk/disk-info.ts';
import { readLsblk } from '../../../../provision/disk/read-lsblk.ts';
import { builtInCards, machines } from '../../../support/lsblk-samples.ts';

const firstOf = (machine: unknown) => {
  const [disk] = readLsblk(machine, builtInCards);
  if (disk === undefined) throw new Error('no disk was found');
  return disk;
};

describe('the disks that lsblk lists', () => {
  it('have a model, a size and what is on them', () => {
    expect(readLsblk(machines.laptopWithReader).map(describeDisk)).toEqual([
      '/dev/nvme0n1, SAMSUNG MZVLB512, 512 GB: /dev/nvme0n1p1 (vfat, 537 MB, mounted at /boot/efi), /dev/nvme0n1p2 (ext4, 511 GB, mounted at /)',
      '/dev/sda, Generic- SD/MMC, 31.9 GB: bootfs (vfat, 537 MB), rootfs (ext4, 31.4 GB)',
      '/dev/sdb, Generic- Micro SD/M2, no medium: nothing found on it',
      '/dev/sr0, 1.1 GB: nothing found on it',
    ]);
  });

  it('in a slot are called as the card calls itself', () => {
    const [, , card] = readLsblk(machines.chromebook, builtInCards);
    expect(card).toMatchObject({
      path: '/dev/mmcblk1',
      model: 'SC32G',
      connection: 'mmc',
      isRemovable: true,
    });
  });

  it('include what encryption and LVM make of their partitions', () => {
    expect(firstOf(machines.encryptedUsbSystem).parts.map(({ path }) => path)).toEqual([
      '/dev/sda1',
      '/dev/luks-1',
      '/dev/vg-root',
    ]);
  });

  it('are understood from versions that write numbers and flags as text', () => {
    expect(firstOf(machines.oldLsblk)).toMatchObject({
      sizeBytes: 31_914_983_424,
      isRemovable: true,
      isReadOnly: false,
      parts: [{ path: '/dev/sda1', mountPoints: ['/'] }],
    });
  });

  it('cannot make a line lie by what they are called', () => {
    const machine = {
      blockdevices: [
        {
          path: '/dev/sdb',
          type: 'disk',
          model: 'Ultra\u001b[2K\r\u202eBG 23',
          size: 1e9,
          children: [{ path: '/dev/sdb1', label: 'a\u0000\nb\u200f\u2028 c', size: 1e9 }],
        },
      ],
    };
    expect(describeDisk(firstOf(machine))).toBe('/dev/sdb, Ultra [2K BG 23, 1.0 GB: a b c (1.0 GB)');
  });

  it('have no endless names', () => {
    const machine = { blockdevices: [{ path: '/dev/sdb', type: 'disk', model: 'x'.repeat(10_000) }] };
    expect(firstOf(machine).model.length).toBeLessThan(100);
  });

  it.each([[null], [[]], [{}], [{ blockdevices: null }], [{ blockdevices: [null, 'sda', 1] }]])(
    'are none in %j',
    (output) => {
      expect(readLsblk(output)).toEqual([]);
    },
  );
});
