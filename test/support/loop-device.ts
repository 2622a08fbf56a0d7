import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from './remove-folder.ts';

export interface LoopDeviceOptions {
  readonly sizeBytes?: number;
  readonly blockBytes?: number;
  readonly isReadOnly?: boolean;
  /** Where its file is made; a folder of its own unless told. */
  readonly folder?: string;
}

export interface LoopDevice {
  /** `/dev/loop3` */
  readonly path: string;
  /** The file that is its medium. */
  readonly file: string;
  /** What is on the medium. */
  stored(offset: number, length: number): Buffer;
  detach(): void;
}

/** A block device of the kernel's own, empty. Throws where one may not be made. */
export function attachLoopDevice(options: LoopDeviceOptions = {}): LoopDevice {
  const { sizeBytes = 32 * 1024 * 1024, blockBytes = 512, isReadOnly = false } = options;
  const own = options.folder ?? mkdtempSync(join(tmpdir(), 'bramble-loop-'));
  const file = join(own, 'medium');
  const remove = () => options.folder === undefined && removeFolder(own);
  writeFileSync(file, '');
  truncateSync(file, sizeBytes);
  const flags = [
    '--find',
    '--show',
    '--sector-size',
    String(blockBytes),
    ...(isReadOnly ? ['--read-only'] : []),
  ];
  try {
    const path = execFileSync('losetup', [...flags, file], { encoding: 'utf8', stdio: 'pipe' }).trim();
    return {
      path,
      file,
      stored: (offset, length) => readPart(file, offset, length),
      detach() {
        execFileSync('losetup', ['--detach', path]);
        remove();
      },
    };
  } catch (err) {
    remove();
    throw err;
  }
}

function readPart(file: string, offset: number, length: number): Buffer {
  const fd = openSync(file, 'r');
  try {
    const into = Buffer.alloc(length);
    readSync(fd, into, 0, length, offset);
    return into;
  } finally {
    closeSync(fd);
  }
}

/** Whether tests on loop devices are to be skipped: where none can be made, except in CI, where they must run. */
export const lacksLoopDevices = !process.env.CI && !canAttach();

function canAttach(): boolean {
  try {
    attachLoopDevice().detach();
    return true;
  } catch {
    return false;
  }
}
