import { type DiskInfo, showBytes } from './disk-info.ts';

export interface JudgeOptions {
  /** Of the decompressed image, where it is known before. */
  readonly imageBytes: number | undefined;
  /** Anything larger is more likely a disk with somebody's life on it than a card for a Pi. */
  readonly maxBytes?: number;
  /** The user wrote its path, rather than being offered it. */
  readonly isNamed: boolean;
}

export type Verdict =
  | { readonly mayWrite: true; readonly warnings: readonly string[] }
  | { readonly mayWrite: false; readonly reason: string };

export const defaultMaxBytes = 256e9;

/** Whether everything on the disk may be replaced; if not, a sentence that says why, with the disk's path and what to do. */
export function judgeDisk(disk: DiskInfo, options: JudgeOptions): Verdict {
  const reason = rules.map((rule) => rule(disk, options)).find((found) => found !== undefined);
  if (reason !== undefined) return { mayWrite: false, reason: `${disk.path} ${reason}` };
  return { mayWrite: true, warnings: warningsOf(disk) };
}

type Rule = (disk: DiskInfo, options: JudgeOptions) => string | undefined;

/** The first that objects is told: those that no unmounting and no other option can change come first. */
const rules: readonly Rule[] = [
  isOfSystem,
  isNoDisk,
  isBuiltIn,
  hasNoMedium,
  isReadOnly,
  isTooSmall,
  isTooLarge,
  isMounted,
];

/** What an operating system runs from, and all below: a card that somebody looks into is under /media, /mnt, /run or /Volumes. */
const systemFolders = [
  '/boot',
  '/efi',
  '/etc',
  '/home',
  '/nix',
  '/opt',
  '/root',
  '/snap',
  '/srv',
  '/usr',
  '/var',
  '/private',
  '/System',
];

function isOfSystem({ parts }: DiskInfo): string | undefined {
  const points = parts.flatMap(({ mountPoints }) => mountPoints);
  if (points.includes('[SWAP]')) return 'is one of this machine’s own disks: it swaps there';
  const found = points.find(
    (point) => point === '/' || systemFolders.some((folder) => `${point}/`.startsWith(`${folder}/`)),
  );
  return found && `is one of this machine’s own disks: ${found} is on it`;
}

function isNoDisk({ kind }: DiskInfo): string | undefined {
  return kind === 'other' ? 'is no disk that can be written as a whole; name a card or a stick' : undefined;
}

function isBuiltIn(disk: DiskInfo, { isNamed }: JudgeOptions): string | undefined {
  if (disk.connection === 'nvme') return 'is an NVMe disk; bramble writes cards and sticks only';
  if (disk.kind === 'loop')
    return isNamed ? undefined : 'is a loop device; it is written only when it is named';
  if (disk.isRemovable || disk.isExternal) return undefined;
  return 'is built in, not removable; put the card into a reader, or write an image file';
}

function hasNoMedium({ sizeBytes }: DiskInfo): string | undefined {
  return sizeBytes === 0 ? 'has no medium; is a card in the reader?' : undefined;
}

function isReadOnly(disk: DiskInfo): string | undefined {
  return disk.isReadOnly
    ? 'is write-protected; slide the lock at the edge of the card or its adapter'
    : undefined;
}

function isTooSmall({ sizeBytes }: DiskInfo, { imageBytes = 0 }: JudgeOptions): string | undefined {
  if (imageBytes <= sizeBytes) return undefined;
  return `is too small: it holds ${showBytes(sizeBytes)}, the image needs ${showBytes(imageBytes)}`;
}

function isTooLarge(
  { sizeBytes }: DiskInfo,
  { maxBytes = defaultMaxBytes }: JudgeOptions,
): string | undefined {
  if (sizeBytes <= maxBytes) return undefined;
  return `holds ${showBytes(sizeBytes)}, more than the limit of ${showBytes(maxBytes)}; if it is meant, raise it with --max-size`;
}

function isMounted({ parts, unmountCommand }: DiskInfo): string | undefined {
  const points = parts.flatMap(({ mountPoints }) => mountPoints);
  if (points.length === 0) return undefined;
  return `is in use, mounted at ${points.join(' and ')}; unmount it: ${unmountCommand}`;
}

function warningsOf({ path, isRemovable, isExternal }: DiskInfo): string[] {
  if (isRemovable || !isExternal) return [];
  return [
    `${path} is a disk that can be unplugged, not a card or a stick: make sure that it is the right one`,
  ];
}
