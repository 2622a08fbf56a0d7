import { type DiskInfo, type DiskPart, toPlainText } from './disk-info.ts';
import { countOf, type Fields, isSet, recordsOf, textOf } from './fields.ts';

/** What the kernel says of a device in an SD or MMC slot: lsblk knows nothing of it. */
export interface SlotDevice {
  /** `SD` for a card, `MMC` for memory that is soldered in. */
  readonly type: string;
  /** As `SC32G`. */
  readonly name: string;
}

/**
 * The disks in the output of `lsblk --json --bytes --output-all`. The versions in use differ in what they know
 * (`mountpoints`, from 2.37) and write flags as true, "1" or 1: what is missing or not understood counts as the answer that
 * lets nothing be written. `slots`: by the kernel's name.
 */
export function readLsblk(output: unknown, slots: ReadonlyMap<string, SlotDevice> = new Map()): DiskInfo[] {
  return recordsOf(output, 'blockdevices').map((device) => toDisk(device, slots.get(textOf(device.kname))));
}

function toDisk(device: Fields, slot: SlotDevice | undefined): DiskInfo {
  const parts = [...partsBelow(device)];
  const self = toPart(device);
  if (self.fileSystem !== '' || self.mountPoints.length > 0) parts.unshift(self);
  const isSoldered = slot?.type === 'MMC';
  return {
    path: textOf(device.path),
    kind: toKind(textOf(device.type)),
    model: toPlainText(`${textOf(device.vendor)} ${textOf(device.model)} ${slot?.name ?? ''}`),
    sizeBytes: countOf(device.size),
    blockBytes: Math.max(countOf(device['log-sec']), 512),
    connection: toConnection(device),
    isRemovable: slot === undefined ? isSet(device.rm) : !isSoldered,
    isExternal: isSet(device.hotplug) && !isSoldered,
    isReadOnly: isSet(device.ro),
    parts,
    unmountCommand: `umount ${mountedPaths(parts).join(' ')}`,
  };
}

function* partsBelow(device: Fields): Iterable<DiskPart> {
  for (const child of recordsOf(device, 'children')) {
    yield toPart(child);
    yield* partsBelow(child);
  }
}

function toPart(device: Fields): DiskPart {
  return {
    path: toPlainText(device.path),
    label: toPlainText(device.label) || toPlainText(device.partlabel),
    fileSystem: toPlainText(device.fstype),
    sizeBytes: countOf(device.size),
    mountPoints: mountPointsOf(device),
  };
}

function mountPointsOf({ mountpoints, mountpoint }: Fields): string[] {
  const all = Array.isArray(mountpoints) ? mountpoints : [mountpoint];
  return all.map(toPlainText).filter((point) => point !== '');
}

function mountedPaths(parts: readonly DiskPart[]): string[] {
  const mounted = parts.filter(({ mountPoints }) => mountPoints.length > 0);
  return [...new Set(mounted.map(({ path }) => path))];
}

function toKind(type: string): DiskInfo['kind'] {
  return type === 'disk' || type === 'loop' ? type : 'other';
}

function toConnection(device: Fields): string {
  const transport = toPlainText(device.tran);
  if (transport !== '') return transport;
  const subsystems = textOf(device.subsystems).split(':');
  return ['nvme', 'mmc', 'usb', 'virtio'].find((name) => subsystems.includes(name)) ?? '';
}
