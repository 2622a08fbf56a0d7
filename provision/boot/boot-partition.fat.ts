import {
  AM_DIR,
  AM_RDO,
  CTRL_SYNC,
  create,
  type DiskIO,
  FA_CREATE_ALWAYS,
  FA_READ,
  FA_WRITE,
  type FatFs,
  FR_DENIED,
  FR_EXIST,
  FR_INVALID_NAME,
  FR_NO_FILE,
  FR_NO_FILESYSTEM,
  FR_NO_PATH,
  FR_NOT_ENABLED,
  FR_OK,
  FS_FAT16,
  FS_FAT32,
  GET_SECTOR_SIZE,
  RES_ERROR,
  RES_OK,
  RES_PARERR,
  sizeof_DIR,
  sizeof_FATFS,
  sizeof_FIL,
  sizeof_FILINFO,
} from 'js-fatfs';
import { BrambleError } from '../../src/support/errors.ts';
import type { Disk } from '../disk/disk.ts';
import type { BootPartition } from './boot-partition.ts';
import { type Partition, sectorBytes } from './partition-table.ts';
import { openSectors, type Sectors } from './sectors.ts';

/**
 * Opens a FAT32 or FAT16 file system, both of which the firmware of every Raspberry Pi boots from. What is written waits in
 * memory until `unmount`, so a write that fails changes nothing. Rejects IMAGE_BROKEN when there is none that can be read.
 */
export async function openBootPartition(
  disk: Pick<Disk, 'name' | 'readNow' | 'writeNow'>,
  partition: Partition,
): Promise<BootPartition> {
  const sectors = openSectors(disk, partition);
  const failure: Failure = { cause: undefined };
  const ff = await create({ diskio: diskOf(sectors, failure) });
  const volume = new FatPartition(ff, {
    diskName: disk.name,
    lengthBytes: partition.lengthBytes,
    sectors,
    failure,
  });
  volume.mount();
  return volume;
}

/** The first error of the disk in a call of FatFs, which itself knows numbers only. */
interface Failure {
  cause: unknown;
}

interface Volume {
  readonly diskName: string;
  readonly lengthBytes: number;
  readonly sectors: Sectors;
  readonly failure: Failure;
}

/** Between FatFs's memory and ours. */
const bufferBytes = 64 * 1024;
/** The firmware, and whoever reads the card, finds files by far shorter paths; a broken folder may hold itself. */
const maxDepth = 16;

/** FatFs keeps all it works on in memory of its own, from which nothing is given back before the partition is dropped. */
class FatPartition implements BootPartition {
  readonly #ff: FatFs;
  readonly #volume: Volume;
  readonly #fileSystem: number;
  readonly #file: number;
  readonly #folder: number;
  readonly #info: number;
  readonly #buffer: number;
  readonly #count: number;

  constructor(ff: FatFs, volume: Volume) {
    this.#ff = ff;
    this.#volume = volume;
    this.#fileSystem = ff.malloc(sizeof_FATFS);
    this.#file = ff.malloc(sizeof_FIL);
    this.#folder = ff.malloc(sizeof_DIR);
    this.#info = ff.malloc(sizeof_FILINFO);
    this.#buffer = ff.malloc(bufferBytes);
    this.#count = ff.malloc(4);
  }

  mount(): void {
    this.#do('read', 'it', () => this.#ff.f_mount(this.#fileSystem, '', 1));
    const [type] = this.#ff.HEAPU8.subarray(this.#fileSystem);
    if (type !== FS_FAT32 && type !== FS_FAT16) throw this.#broken('it is neither FAT32 nor FAT16');
  }

  read(path: string): Uint8Array | undefined {
    assertPath(path);
    const opened = this.#do('read', path, () => this.#ff.f_open(this.#file, path, FA_READ), missing);
    if (opened !== FR_OK) return undefined;
    const length = this.#ff.f_size(this.#file);
    if (length > this.#volume.lengthBytes) throw this.#broken(`${path} is longer than the partition`);
    const content = new Uint8Array(length);
    for (let at = 0; at < length; ) at += this.#readChunk(path, content.subarray(at));
    this.#do('read', path, () => this.#ff.f_close(this.#file));
    return content;
  }

  write(path: string, content: Uint8Array): void {
    assertPath(path);
    this.#assertReplaceable(path);
    try {
      this.#makeFolders(path, content.length);
      this.#create(path, content);
      this.#volume.sectors.keep();
    } catch (err) {
      this.#volume.sectors.undo();
      // FatFs remembers parts of what was undone; mounted anew, it looks again at its next call.
      this.#ff.f_mount(this.#fileSystem, '', 0);
      throw err;
    }
  }

  list(): readonly string[] {
    return this.#listFolder('', 1);
  }

  unmount(): void {
    this.#do('unmount', 'it', () => this.#ff.f_unmount(''));
    this.#volume.sectors.flush();
  }

  #readChunk(path: string, into: Uint8Array): number {
    const wanted = Math.min(bufferBytes, into.length);
    this.#do('read', path, () => this.#ff.f_read(this.#file, this.#buffer, wanted, this.#count));
    const count = this.#ff.getValue(this.#count, 'i32');
    if (count === 0) throw this.#broken(`${path} ends before its length`);
    into.set(this.#ff.HEAPU8.subarray(this.#buffer, this.#buffer + count));
    return count;
  }

  #assertReplaceable(path: string): void {
    const found = this.#do('write', path, () => this.#ff.f_stat(path, this.#info), missing);
    if (found !== FR_OK) return;
    const attributes = this.#ff.FILINFO_fattrib(this.#info);
    if (attributes & AM_DIR) throw this.#broken(`${path} is a folder there, and has to be a file`);
    if (attributes & AM_RDO) throw this.#broken(`${path} is marked as read-only there`);
  }

  #makeFolders(path: string, length: number): void {
    const names = path.split('/').slice(0, -1);
    for (const [index] of names.entries()) {
      const folder = names.slice(0, index + 1).join('/');
      const result = this.#do('write', path, () => this.#ff.f_mkdir(folder), [
        FR_EXIST,
        FR_DENIED,
        FR_NO_PATH,
      ]);
      if (result === FR_DENIED) throw this.#full(path, length);
      if (result === FR_NO_PATH) throw this.#broken(`${folder} lies in a file there`);
    }
  }

  #create(path: string, content: Uint8Array): void {
    const mode = FA_CREATE_ALWAYS | FA_WRITE;
    const opened = this.#do('write', path, () => this.#ff.f_open(this.#file, path, mode), [
      FR_DENIED,
      FR_NO_PATH,
    ]);
    // Neither read-only nor a folder: there is no room for one more entry in its folder.
    if (opened === FR_DENIED) throw this.#full(path, content.length);
    if (opened === FR_NO_PATH) throw this.#broken(`${path} lies in a file there`);
    for (let at = 0; at < content.length; at += bufferBytes) {
      const chunk = content.subarray(at, at + bufferBytes);
      this.#ff.HEAPU8.set(chunk, this.#buffer);
      this.#do('write', path, () => this.#ff.f_write(this.#file, this.#buffer, chunk.length, this.#count));
      if (this.#ff.getValue(this.#count, 'i32') < chunk.length) throw this.#full(path, content.length);
    }
    this.#do('write', path, () => this.#ff.f_close(this.#file));
  }

  #listFolder(folder: string, depth: number): string[] {
    if (depth > maxDepth) throw this.#broken(`${folder} lies ${depth} folders deep`);
    const files: string[] = [];
    const folders: string[] = [];
    this.#do('list', folder, () => this.#ff.f_opendir(this.#folder, folder));
    for (;;) {
      this.#do('list', folder, () => this.#ff.f_readdir(this.#folder, this.#info));
      const name = this.#ff.FILINFO_fname(this.#info);
      if (name === '') break;
      if (!segment.test(name)) throw this.#broken(`a file in it has the name ${JSON.stringify(name)}`);
      const kind = this.#ff.FILINFO_fattrib(this.#info) & AM_DIR ? folders : files;
      kind.push(folder === '' ? name : `${folder}/${name}`);
    }
    return [...files, ...folders.flatMap((each) => this.#listFolder(each, depth + 1))];
  }

  /** Returns FR_OK or one of `expected`; throws everything else as an error of ours. */
  #do(verb: string, what: string, call: () => number, expected: readonly number[] = []): number {
    const result = this.#call(verb, what, call);
    const { cause } = this.#volume.failure;
    this.#volume.failure.cause = undefined;
    if (cause instanceof Error) throw cause;
    if (result === FR_OK || expected.includes(result)) return result;
    if (result === FR_INVALID_NAME) throw new TypeError(`${what} is no path on a boot partition`);
    if (result === FR_NOT_ENABLED)
      throw new TypeError(`the boot partition was unmounted; cannot ${verb} ${what}`);
    if (result === FR_NO_FILESYSTEM) throw this.#broken('it is not FAT');
    throw this.#broken(`its FAT file system is damaged; cannot ${verb} ${what} (FatFs: error ${result})`);
  }

  /** A file system that is broken enough may lead FatFs out of its memory, which ends the call, not the process. */
  #call(verb: string, what: string, call: () => number): number {
    try {
      return call();
    } catch (cause) {
      throw this.#broken(`its FAT file system is damaged; cannot ${verb} ${what}`, cause);
    }
  }

  #full(path: string, length: number): BrambleError {
    return new BrambleError(
      'DISK_FULL',
      `no room for ${path} (${length} bytes) in the boot partition on ${this.#volume.diskName}; use an image with more room there`,
    );
  }

  #broken(why: string, cause?: unknown): BrambleError {
    return new BrambleError(
      'IMAGE_BROKEN',
      `cannot use the boot partition on ${this.#volume.diskName}: ${why}; use an intact image of Raspberry Pi OS`,
      { cause },
    );
  }
}

const missing: readonly number[] = [FR_NO_FILE, FR_NO_PATH];

/** What FatFs asks of a disk. Errors must not fly through its code, which would leave its memory half changed. */
function diskOf(sectors: Sectors, failure: Failure): DiskIO {
  const attempt = (action: () => void): number => {
    try {
      action();
      return RES_OK;
    } catch (err) {
      failure.cause ??= err;
      return RES_ERROR;
    }
  };
  const slice = (ff: FatFs, at: number, count: number) => ff.HEAPU8.subarray(at, at + count * sectorBytes);
  return {
    initialize: () => RES_OK,
    status: () => RES_OK,
    read: (ff, _, at, first, count) => attempt(() => sectors.read(slice(ff, at, count), first >>> 0)),
    write: (ff, _, at, first, count) => attempt(() => sectors.write(slice(ff, at, count), first >>> 0)),
    ioctl: (ff, _, command, at) => {
      if (command === CTRL_SYNC) return RES_OK;
      if (command !== GET_SECTOR_SIZE) return RES_PARERR;
      ff.setValue(at, sectorBytes, 'i16');
      return RES_OK;
    },
  };
}

/** Names as in Microsoft's FAT specification, section 7; a dot or space at the end would be dropped silently. */
const segment = /^[^\p{Cc}\p{Cs}"*/:<>?\\|]{0,254}[^\p{Cc}\p{Cs}"*/:<>?\\|. ]$/u;

function assertPath(path: string): void {
  if (!path.split('/').every((name) => segment.test(name)))
    throw new TypeError(`${path} is no path on a boot partition`);
}
