import { type DiskInfo, type DiskPart, toPlainText } from './disk-info.ts';
import { countOf, type Fields, isRecord, isSet, recordsOf, textOf } from './fields.ts';

/**
 * The disks of macOS, from `diskutil list -plist` and, of each whole disk, `diskutil info -plist`, both turned into JSON.
 * What APFS makes of a partition is a disk of its own there, `disk3` beside `disk0`; here its volumes belong to the disk
 * that they are on, and it is no disk.
 */
export function readDiskutil(list: unknown, infos: ReadonlyMap<string, unknown>): DiskInfo[] {
  const all = recordsOf(list, 'AllDisksAndPartitions');
  const containers = all.filter((disk) => storesOf(disk).length > 0);
  return all
    .filter((disk) => !containers.includes(disk))
    .map((disk) => toDisk(disk, containers, infos.get(textOf(disk.DeviceIdentifier))));
}

/** `disk0`, `disk4`: those that `readDiskutil` wants to know more of. */
export function wholeDisksOf(list: unknown): string[] {
  return recordsOf(list, 'AllDisksAndPartitions').map(({ DeviceIdentifier }) => textOf(DeviceIdentifier));
}

function toDisk(disk: Fields, containers: readonly Fields[], found: unknown): DiskInfo {
  const info = isRecord(found) ? found : {};
  const connection = toConnection(textOf(info.BusProtocol));
  const path = `/dev/${textOf(disk.DeviceIdentifier)}`;
  return {
    path,
    kind: connection === 'disk image' ? 'loop' : 'disk',
    model: toPlainText(info.MediaName),
    sizeBytes: countOf(disk.Size),
    blockBytes: Math.max(countOf(info.DeviceBlockSize), 512),
    connection,
    isRemovable: isSet(info.RemovableMedia),
    isExternal: info.Internal === false,
    isReadOnly: info.WritableMedia === false,
    parts: [...partsOf(disk, containers)],
    unmountCommand: `diskutil unmountDisk ${path}`,
  };
}

/** PCI-Express is what diskutil says of an NVMe disk, Apple Fabric of the one inside a Mac. */
function toConnection(protocol: string): string {
  return protocol === 'PCI-Express' || protocol === 'Apple Fabric' ? 'nvme' : protocol.toLowerCase();
}

function* partsOf(disk: Fields, containers: readonly Fields[]): Iterable<DiskPart> {
  const partitions = recordsOf(disk, 'Partitions');
  if (textOf(disk.MountPoint) !== '') yield toPart(disk);
  for (const partition of partitions) yield toPart(partition);
  const ids = [disk, ...partitions].map(({ DeviceIdentifier }) => DeviceIdentifier);
  for (const container of containers)
    if (storesOf(container).some(({ DeviceIdentifier }) => ids.includes(DeviceIdentifier)))
      for (const volume of recordsOf(container, 'APFSVolumes')) yield toPart(volume);
}

function storesOf(disk: Fields): Fields[] {
  return recordsOf(disk, 'APFSPhysicalStores');
}

function toPart(part: Fields): DiskPart {
  // The system's volume is not mounted itself: a sealed snapshot of it is.
  const snapshots = recordsOf(part, 'MountedSnapshots').map(({ SnapshotMountPoint }) => SnapshotMountPoint);
  return {
    path: `/dev/${toPlainText(part.DeviceIdentifier)}`,
    label: toPlainText(part.VolumeName),
    fileSystem: toPlainText(part.Content),
    sizeBytes: countOf(part.Size),
    mountPoints: [part.MountPoint, ...snapshots].map(toPlainText).filter((point) => point !== ''),
  };
}
