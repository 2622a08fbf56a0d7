import type { DiskInfo } from '../../provision/disk/disk-info.ts';

/** An empty 32 GB card in a USB reader, but for what is said otherwise. */
export function diskInfo(fields: Partial<DiskInfo> = {}): DiskInfo {
  return {
    path: '/dev/sdb',
    kind: 'disk',
    model: 'Generic STORAGE DEVICE',
    sizeBytes: 31_914_983_424,
    blockBytes: 512,
    connection: 'usb',
    isRemovable: true,
    isExternal: true,
    isReadOnly: false,
    parts: [],
    unmountCommand: 'umount /dev/sdb1',
    ...fields,
  };
}
