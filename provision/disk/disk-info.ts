/** A whole disk of this machine, as its operating system describes it. Every text is fit to be shown. */
export interface DiskInfo {
  /** `/dev/sdb`, `/dev/disk4`. */
  readonly path: string;
  readonly kind: 'disk' | 'loop' | 'other';
  /** `SanDisk Ultra`; of a card reader, mostly the reader's. */
  readonly model: string;
  /** 0 without a medium, as an empty card reader. */
  readonly sizeBytes: number;
  /** Smallest unit that it reads and writes. */
  readonly blockBytes: number;
  /** How it is attached: `usb`, `mmc`, `nvme`, `sata`, … */
  readonly connection: string;
  /** Its medium can be taken out, as a card's. */
  readonly isRemovable: boolean;
  /** It can be unplugged while the machine runs. */
  readonly isExternal: boolean;
  readonly isReadOnly: boolean;
  /** All that is on it: partitions, and what is made of them by encryption, LVM or RAID. */
  readonly parts: readonly DiskPart[];
  /** The command that unmounts all of it. */
  readonly unmountCommand: string;
}

export interface DiskPart {
  readonly path: string;
  readonly label: string;
  /** `vfat`, `ext4`, `swap`, …; empty where none was recognised. */
  readonly fileSystem: string;
  readonly sizeBytes: number;
  /** `[SWAP]` stands for a swap area in use. */
  readonly mountPoints: readonly string[];
}

/** `/dev/sdb, SanDisk Ultra, 31.9 GB: bootfs (vfat, 537 MB), rootfs (ext4, 31.3 GB)`. */
export function describeDisk({ path, model, sizeBytes, parts }: DiskInfo): string {
  const what = [path, model, sizeBytes === 0 ? 'no medium' : showBytes(sizeBytes)].filter(
    (text) => text !== '',
  );
  return `${what.join(', ')}: ${parts.length === 0 ? 'nothing found on it' : parts.map(describePart).join(', ')}`;
}

function describePart({ path, label, fileSystem, sizeBytes, mountPoints }: DiskPart): string {
  const details = [fileSystem, showBytes(sizeBytes), ...mountPoints.map((point) => `mounted at ${point}`)];
  return `${label === '' ? path : label} (${details.filter((text) => text !== '').join(', ')})`;
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'];

/** In powers of 1000, as cards are sold: `31.9 GB`. */
export function showBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** What a disk calls itself: control characters and those that turn the direction of writing could make a line lie. */
export function toPlainText(text: unknown): string {
  if (typeof text !== 'string') return '';
  const plain = text
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')
    .replace(/\s+/gu, ' ')
    .trim();
  return [...plain].slice(0, maxNameLength).join('');
}

const maxNameLength = 80;
