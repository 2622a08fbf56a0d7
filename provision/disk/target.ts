import type { Stats } from 'node:fs';
import { lstat, realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BrambleError, systemCode } from '../../src/support/errors.ts';
import { openBlockDisk } from './disk.block.ts';
import { openFileDisk } from './disk.file.ts';
import type { Disk } from './disk.ts';
import { toDiskError } from './disk-error.ts';
import { type DiskInfo, describeDisk } from './disk-info.ts';
import { listDisks } from './list-disks.ts';

/** What a user's path stands for. */
export type Target =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'disk'; readonly disk: DiskInfo };

/** What people know it by. */
export function nameOfTarget(target: Target): string {
  return target.kind === 'file' ? target.path : target.disk.path;
}

export interface TargetOptions {
  readonly signal: AbortSignal;
}

/**
 * A whole disk (also by a link such as /dev/disk/by-id/…) or an image file, there already or not. Touches nothing. Rejects
 * DISK_REFUSED for all else, NOT_FOUND for a disk that is not there: a new file is never made in /dev.
 */
export async function findTarget(path: string, options: TargetOptions): Promise<Target> {
  const found = await follow(path);
  if (found === undefined) return { kind: 'file', path };
  const { realPath, stats } = found;
  if (isDevice(realPath, stats)) {
    const disks = await listDisks(options);
    return { kind: 'disk', disk: findDisk(disks, realPath.replace('/dev/rdisk', '/dev/disk')) };
  }
  if (!stats.isFile() || isInDev(realPath))
    throw refused(path, `is ${kindOf(stats)}; name a disk, or an image file`);
  return { kind: 'file', path: realPath };
}

/** The disk of that path among those. Throws DISK_REFUSED for a part of one, and NOT_FOUND. */
export function findDisk(disks: readonly DiskInfo[], path: string): DiskInfo {
  const whole = disks.find((disk) => disk.path === path);
  if (whole !== undefined) return whole;
  const owner = disks.find(({ parts }) => parts.some((part) => part.path === path));
  if (owner !== undefined)
    throw refused(path, `is a part of ${owner.path}; an image replaces a whole disk: name ${owner.path}`);
  throw new BrambleError('NOT_FOUND', `${path} is not among the disks of this machine; is a card in it?`);
}

/**
 * Opens what was found, for ourselves alone. Between finding and opening somebody was asked: a disk is opened only if there
 * still is the same one.
 */
export async function openTarget(target: Target, options: TargetOptions): Promise<Disk> {
  if (target.kind === 'file') return openFileDisk(target.path);
  const { disk } = target;
  const now = findDisk(await listDisks(options), disk.path);
  if (identityOf(now) !== identityOf(disk))
    throw refused(disk.path, `is another disk now (${describeDisk(now)}); start over`);
  return openBlockDisk(now);
}

/**
 * A card reader keeps its name and path, and cards come in few sizes: so what is on it counts as well, as far as the kernel
 * says it. Labels are found out later, and being mounted is not being another one.
 */
function identityOf({ model, sizeBytes, parts }: DiskInfo): string {
  return JSON.stringify([model, sizeBytes, parts.map((part) => [part.path, part.sizeBytes])]);
}

/** `undefined` where a new file may be made. */
async function follow(path: string): Promise<{ realPath: string; stats: Stats } | undefined> {
  try {
    const realPath = await realpath(path);
    return { realPath, stats: await stat(realPath) };
  } catch (err) {
    if (systemCode(err) !== 'ENOENT') throw toDiskError(err, 'find', path);
    if (isInDev(resolve(path)))
      throw new BrambleError('NOT_FOUND', `there is no ${path}; is the card plugged in?`);
    const link = await lstat(path).catch(() => undefined);
    if (link !== undefined) throw refused(path, 'is a link to something that does not exist');
    return undefined;
  }
}

function isDevice(realPath: string, stats: Stats): boolean {
  const isRawDisk = stats.isCharacterDevice() && /^\/dev\/rdisk\d/.test(realPath);
  return stats.isBlockDevice() || isRawDisk;
}

function isInDev(path: string): boolean {
  return /^\/dev\/(?!shm\/)/.test(path);
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isCharacterDevice()) return 'a character device';
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  return 'a plain file among the devices, which no disk is';
}

function refused(path: string, why: string): BrambleError {
  return new BrambleError('DISK_REFUSED', `${path} ${why}`);
}
