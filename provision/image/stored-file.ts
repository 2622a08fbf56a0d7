import { type FileHandle, open, stat } from 'node:fs/promises';
import { BrambleError, messageOf, systemCode } from '../../src/support/errors.ts';

/** Large enough that the cost per call does not matter, small enough that a few in flight stay small. */
export const chunkBytes = 1 << 20;

/** A file from the offset on, in chunks of 1 MiB. */
export async function* readStored(
  path: string,
  { from = 0, signal }: { from?: number; signal: AbortSignal },
): AsyncGenerator<Buffer, void, undefined> {
  const file = await openStored(path);
  try {
    for (let offset = from; ; ) {
      signal.throwIfAborted();
      const buffer = Buffer.allocUnsafeSlow(chunkBytes);
      const { bytesRead } = await file.read(buffer, 0, chunkBytes, offset).catch(rejectUnreadable(path));
      if (bytesRead === 0) return;
      offset += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** `length` bytes at `offset`, fewer where the file ends. */
export async function readAt(path: string, offset: number, length: number): Promise<Buffer> {
  const file = await openStored(path);
  try {
    const { buffer, bytesRead } = await file
      .read(Buffer.alloc(length), 0, length, offset)
      .catch(rejectUnreadable(path));
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Its length; throws unless it is a plain file with something in it. */
export async function measureFile(path: string): Promise<number> {
  const found = await stat(path).catch(rejectUnreadable(path));
  if (!found.isFile()) {
    const kind = found.isDirectory() ? 'a folder' : 'no plain file';
    throw new BrambleError(
      'INVALID',
      `${path} is ${kind}; name the image itself, an .img, .xz, .gz, .zst or .zip file`,
    );
  }
  if (found.size === 0)
    throw new BrambleError('INVALID', `${path} is empty; name a file with an image in it`);
  return found.size;
}

function openStored(path: string): Promise<FileHandle> {
  return open(path).catch(rejectUnreadable(path));
}

function rejectUnreadable(path: string): (cause: unknown) => never {
  return (cause) => {
    switch (systemCode(cause)) {
      case 'ENOENT':
      case 'ENOTDIR':
        throw new BrambleError('NOT_FOUND', `there is no image ${path}; check the path`, { cause });
      case 'EACCES':
      case 'EPERM':
        throw new BrambleError('INVALID', `the image ${path} may not be read; check its rights`, { cause });
      default:
        throw new BrambleError(
          'DISK_FAILED',
          `cannot read ${path}: ${messageOf(cause)}; check the disk it is on`,
          {
            cause,
          },
        );
    }
  };
}
