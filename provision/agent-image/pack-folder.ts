import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { BrambleError, messageOf } from '../../src/support/errors.ts';
import { tarEnd, tarHeader, tarPadding } from './tar.ts';

/**
 * The files of a folder as a tar archive, read while it is sent, however large they are; what a link leads to is in its place. Rejects INVALID
 * where one cannot be read. `isWanted` is asked for each file, by its path in the archive.
 */
export async function packFolder(folder: string, isWanted: (path: string) => boolean): Promise<Readable> {
  const files = await filesBelow(folder, '');
  return Readable.from(
    pack(
      folder,
      files.filter(({ path }) => isWanted(path)),
    ),
  );
}

interface FoundFile {
  readonly path: string;
  readonly header: Buffer;
  readonly bytes: number;
}

async function filesBelow(folder: string, path: string): Promise<readonly FoundFile[]> {
  const found = await find(folder, path);
  if (found !== 'folder') return found === undefined ? [] : [found];
  const files: FoundFile[] = [];
  for (const name of (await readdir(join(folder, path))).sort())
    files.push(...(await filesBelow(folder, path === '' ? name : `${path}/${name}`)));
  return files;
}

/** What cannot be packed is known before anything is sent. */
async function find(folder: string, path: string): Promise<FoundFile | 'folder' | undefined> {
  try {
    const found = await stat(join(folder, path));
    if (found.isDirectory()) return 'folder';
    if (!found.isFile()) return undefined;
    const { size: bytes, mode } = found;
    return { path, bytes, header: tarHeader({ path, bytes, isExecutable: (mode & 0o100) !== 0 }) };
  } catch (err) {
    throw new BrambleError('INVALID', `${path} cannot go into an image: ${messageOf(err)}`, { cause: err });
  }
}

async function* pack(folder: string, files: readonly FoundFile[]): AsyncIterable<Uint8Array> {
  for (const { path, header, bytes } of files) {
    yield header;
    yield* createReadStream(join(folder, path));
    yield tarPadding(bytes);
  }
  yield tarEnd;
}
