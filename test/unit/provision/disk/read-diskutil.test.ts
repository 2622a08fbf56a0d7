import { describe, expect, it } from 'vitest';
import { judgeDisk } from '../../../../provision/disk/judge-disk.ts';
import { readDiskutil, wholeDisksOf } from '../../../../provision/disk/read-diskutil.ts';

/** A MacBook with a card in its own slot, a stick that is mounted, and an opened disk image; written after Apple's manual. */
const list = {
  AllDisksAndPartitions: [
    {
      DeviceIdentifier: 'disk0',
      Content: 'GUID_partition_scheme',
      Size: 500_277_792_768,
      Partitions: [
        { DeviceIdentifier: 'disk0s1', Content: 'Apple_APFS_ISC', Size: 524_288_000 },
        { DeviceIdentifier: 'disk0s2', Content: 'Apple_APFS', Size: 494_384_795_648 },
      ],
    },
    {
      DeviceIdentifier: 'disk3',
      Content: 'Apple_APFS_Container',
      Size: 494_384_795_648,
      Partitions: [],
      APFSPhysicalStores: [{ DeviceIdentifier: 'disk0s2' }],
      APFSVolumes: [
        {
          DeviceIdentifier: 'disk3s1',
          VolumeName: 'Macintosh HD',
          Size: 494_384_795_648,
          MountedSnapshots: [{ SnapshotBSD: 'disk3s1s1', SnapshotMountPoint: '/' }],
        },
        { DeviceIdentifier: 'disk3s5', VolumeName: 'Data', MountPoint: '/System/Volumes/Data' },
      ],
    },
    {
      DeviceIdentifier: 'disk4',
      Content: 'FDisk_partition_scheme',
      Size: 31_914_983_424,
      Partitions: [
        { DeviceIdentifier: 'disk4s1', Content: 'Windows_FAT_32', VolumeName: 'bootfs', Size: 536_870_912 },
        { DeviceIdentifier: 'disk4s2', Content: 'Linux', Size: 31_373_918_208 },
      ],
    },
    {
      DeviceIdentifier: 'disk5',
      Content: 'FDisk_partition_scheme',
      Size: 15_931_539_456,
      Partitions: [
        {
          DeviceIdentifier: 'disk5s1',
          Content: 'Windows_FAT_32',
          VolumeName: 'STICK',
          MountPoint: '/Volumes/STICK',
          Size: 15_931_000_000,
        },
      ],
    },
    { DeviceIdentifier: 'disk6', Content: '', Size: 20_971_520 },
    { DeviceIdentifier: 'disk7', Content: '', Size: 32_000_000_000 },
  ],
};
const infos = new Map<string, unknown>([
  [
    'disk0',
    {
      BusProtocol: 'Apple Fabric',
      Internal: true,
      RemovableMedia: false,
      WritableMedia: true,
      MediaName: 'APPLE SSD AP0512Q',
    },
  ],
  [
    'disk4',
    {
      BusProtocol: 'Secure Digital',
      Internal: true,
      RemovableMedia: true,
      WritableMedia: true,
      MediaName: 'Built In SDXC Reader',
      DeviceBlockSize: 512,
    },
  ],
  [
    'disk5',
    { BusProtocol: 'USB', Internal: false, RemovableMedia: true, WritableMedia: true, MediaName: 'Ultra' },
  ],
  ['disk6', { BusProtocol: 'Disk Image', Internal: false, RemovableMedia: true, WritableMedia: true }],
]);

describe('the disks that diskutil lists', () => {
  const disks = readDiskutil(list, infos);

  it('are whole disks, without those that APFS makes of a partition', () => {
    expect(disks.map(({ path }) => path)).toEqual([
      '/dev/disk0',
      '/dev/disk4',
      '/dev/disk5',
      '/dev/disk6',
      '/dev/disk7',
    ]);
    expect(wholeDisksOf(list)).toContain('disk4');
  });

  it('have a model, a size, and what is on them', () => {
    expect(disks[1]).toMatchObject({
      model: 'Built In SDXC Reader',
      sizeBytes: 31_914_983_424,
      blockBytes: 512,
      parts: [
        { path: '/dev/disk4s1', label: 'bootfs', fileSystem: 'Windows_FAT_32', mountPoints: [] },
        { path: '/dev/disk4s2', label: '' },
      ],
    });
  });

  it('are written only where a card or stick is in them that nothing uses', () => {
    const said = disks.map((disk) => judgeDisk(disk, { imageBytes: 5e9, isNamed: false }));
    expect(said).toEqual([
      { mayWrite: false, reason: '/dev/disk0 is one of this machine’s own disks: / is on it' },
      { mayWrite: true, warnings: [] },
      {
        mayWrite: false,
        reason:
          '/dev/disk5 is in use, mounted at /Volumes/STICK; unmount it: diskutil unmountDisk /dev/disk5',
      },
      { mayWrite: false, reason: expect.stringContaining('only when it is named') },
      { mayWrite: false, reason: expect.stringContaining('built in, not removable') },
    ]);
  });

  it.each([[null], [{}], [{ AllDisksAndPartitions: 'none' }]])('are none in %j', (output) => {
    expect(readDiskutil(output, new Map())).toEqual([]);
  });
});
