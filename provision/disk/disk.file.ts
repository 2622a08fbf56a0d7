import { readSync, writeSync } from 'node:fs';
import { type FileHandle, lstat, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BrambleError, systemCode } from '../../src/support/errors.ts';
import type { Disk } from './disk.ts';
import { toDiskError } from './disk-error.ts';

/**
 * An image file that will be at `path`, replacing a plain file that may be there. Until it is committed it is called
 * `<path>.unfinished`; one that an earlier run left behind is thrown away. Only its owner can read it: it holds a private key.
 */
export async function openFileDisk(path: string): Promise<Disk> {
  await checkReplaceable(path);
  const partPath = `${path}.unfinished`;
  try {
    await rm(partPath, { force: true });
    // `wx`: never through a link, never into a file that somebody else made in the meantime.
    return new FileDisk(path, partPath, await open(partPath, 'wx+', 0o600));
  } catch (err) {
    throw toOpenError(err, path);
  }
}

async function checkReplaceable(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined && !found.isFile())
    throw new BrambleError('DISK_REFUSED', `${path} is not a plain file; name one that is, or a new one`);
}

function toOpenError(err: unknown, path: string): BrambleError {
  const folder = dirname(path);
  switch (systemCode(err)) {
    case 'ENOENT':
      return new BrambleError('NOT_FOUND', `cannot create ${path}: there is no folder ${folder}; create it`, {
        cause: err,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new BrambleError(
        'DISK_REFUSED',
        `cannot create ${path}: no right to write in ${folder}; name a file in a folder of yours`,
        { cause: err },
      );
    default:
      return toDiskError(err, 'create', path);
  }
}

class FileDisk implements Disk {
  readonly name: string;
  readonly sizeBytes = undefined;
  readonly #partPath: string;
  readonly #handle: FileHandle;
  #endBytes = 0;
  #isCommitted = false;
  #closed: Promise<void> | undefined;

  constructor(path: string, partPath: string, handle: FileHandle) {
    this.name = path;
    this.#partPath = partPath;
    this.#handle = handle;
  }

  async write(data: Uint8Array, offset: number): Promise<void> {
    try {
      if (offset >= this.#endBytes && isZero(data)) await this.#handle.truncate(offset + data.length);
      else await this.#writeAll(data, offset);
    } catch (err) {
      throw toDiskError(err, 'write', this.name, `at byte ${offset}`);
    }
    this.#endBytes = Math.max(this.#endBytes, offset + data.length);
  }

  async #writeAll(data: Uint8Array, offset: number): Promise<void> {
    for (let at = 0; at < data.length; )
      at += (await this.#handle.write(data, at, data.length - at, offset + at)).bytesWritten;
  }

  async read(into: Uint8Array, offset: number): Promise<void> {
    try {
      for (let at = 0; at < into.length; ) {
        const { bytesRead } = await this.#handle.read(into, at, into.length - at, offset + at);
        if (bytesRead === 0) throw this.#endsAt(offset + at);
        at += bytesRead;
      }
    } catch (err) {
      throw toDiskError(err, 'read', this.name, `at byte ${offset}`);
    }
  }

  writeNow(data: Uint8Array, offset: number): void {
    try {
      for (let at = 0; at < data.length; )
        at += writeSync(this.#handle.fd, data, at, data.length - at, offset + at);
    } catch (err) {
      throw toDiskError(err, 'write', this.name, `at byte ${offset}`);
    }
    this.#endBytes = Math.max(this.#endBytes, offset + data.length);
  }

  readNow(into: Uint8Array, offset: number): void {
    try {
      for (let at = 0; at < into.length; ) {
        const count = readSync(this.#handle.fd, into, at, into.length - at, offset + at);
        if (count === 0) throw this.#endsAt(offset + at);
        at += count;
      }
    } catch (err) {
      throw toDiskError(err, 'read', this.name, `at byte ${offset}`);
    }
  }

  #endsAt(offset: number): BrambleError {
    return new BrambleError('DISK_FAILED', `cannot read ${this.name} at byte ${offset}: it ends there`);
  }

  async sync(): Promise<void> {
    try {
      await this.#handle.sync();
    } catch (err) {
      throw toDiskError(err, 'write', this.name);
    }
  }

  async commit(): Promise<void> {
    await this.sync();
    try {
      if (!(await this.#isStillOurs()))
        throw new BrambleError('DISK_FAILED', `${this.name} is being written by somebody else; start over`);
      await rename(this.#partPath, this.name);
      this.#isCommitted = true;
      await syncFolder(dirname(this.name));
    } catch (err) {
      throw toDiskError(err, 'finish', this.name);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const isToRemove = !this.#isCommitted && (await this.#isStillOurs());
    await this.#handle.close();
    if (isToRemove) await rm(this.#partPath, { force: true });
  }

  /** Another run for the same file throws ours away and makes its own under that name. */
  async #isStillOurs(): Promise<boolean> {
    const [found, ours] = await Promise.all([
      lstat(this.#partPath).catch(() => undefined),
      this.#handle.stat(),
    ]);
    return found?.ino === ours.ino && found.dev === ours.dev;
  }
}

/** So that the name survives a loss of power. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const zeros = Buffer.alloc(65_536);

/** Long runs of zeros at the end become holes: most of an image's root partition is empty. */
function isZero(data: Uint8Array): boolean {
  for (let at = 0; at < data.length; at += zeros.length) {
    const part = data.subarray(at, at + zeros.length);
    if (Buffer.compare(part, zeros.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}
