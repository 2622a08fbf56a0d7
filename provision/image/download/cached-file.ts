import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { Type } from 'typebox';
import { BrambleError, messageOf, systemCode } from '../../../src/support/errors.ts';
import { findProblems } from '../../../src/support/schema.ts';
import { readStored } from '../stored-file.ts';

const FactsSchema = Type.Object(
  {
    /** By which the server knows the version that we have (RFC 9110, 8.8). */
    etag: Type.Optional(Type.String()),
    lastModified: Type.Optional(Type.String()),
    sha256: Type.Optional(Type.String()),
    /** As in `StoredImage`. */
    isVouched: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

/** What is kept beside a download, or beside the part of one that was interrupted. */
export interface Facts {
  readonly etag?: string;
  readonly lastModified?: string;
  readonly sha256?: string;
  readonly isVouched?: boolean;
}

/** A download's place in the cache: one per address; its facts are in a `.json` file beside it. */
export interface CachedFile {
  readonly path: string;
  readonly partPath: string;
}

/** Follows the XDG Base Directory Specification, also where the system has another custom. */
export function defaultCacheFolder(
  env: Readonly<Record<string, string | undefined>>,
  home = homedir(),
): string {
  return join(env.XDG_CACHE_HOME || join(home, '.cache'), 'bramble');
}

export async function placeInCache(folder: string, url: URL): Promise<CachedFile> {
  await mkdir(folder, { recursive: true }).catch((err) => {
    throw explainCacheFault(err, folder);
  });
  const address = `${url.origin}${url.pathname}${url.search}`;
  const name =
    basename(url.pathname)
      .replace(/[^\w.-]/g, '_')
      .slice(-100) || 'image';
  const path = join(folder, `${createHash('sha256').update(address).digest('hex').slice(0, 16)}-${name}`);
  return { path, partPath: `${path}.part` };
}

/** `undefined` unless both the file and its facts are there. */
export async function readFacts(path: string): Promise<Facts | undefined> {
  try {
    await stat(path);
    const facts: unknown = JSON.parse(await readFile(factsOf(path), 'utf8'));
    return findProblems(FactsSchema, facts).length === 0 ? (facts as Facts) : undefined; // checked in this line
  } catch {
    return undefined; // a download of which we do not know what it is does not count
  }
}

export async function writeFacts(path: string, facts: Facts): Promise<void> {
  await writeFile(factsOf(path), JSON.stringify(facts));
}

export async function removeCached(path: string): Promise<void> {
  await rm(factsOf(path), { force: true });
  await rm(path, { force: true });
}

/** The part is whole: it takes the place of what was there. */
export async function completePart({ path, partPath }: CachedFile, facts: Facts): Promise<void> {
  await rm(factsOf(path), { force: true }); // never the old facts beside the new file
  await rename(partPath, path);
  await writeFacts(path, facts);
  await rm(factsOf(partPath), { force: true });
}

export async function hashFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of readStored(path, { signal })) hash.update(chunk);
  return hash.digest('hex');
}

/** Errors of writing in the cache by what can be done about them; `undefined` for others. */
export function explainCacheFault(cause: unknown, folder: string): BrambleError | undefined {
  const code = systemCode(cause) ?? '';
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code))
    return new BrambleError(
      'DISK_FULL',
      `the download does not fit in the cache folder ${folder}; make room there, or set XDG_CACHE_HOME to a folder that has some`,
      { cause },
    );
  if (['EACCES', 'EPERM', 'EROFS', 'EIO', 'ENOENT', 'ENOTDIR', 'EEXIST', 'EISDIR'].includes(code))
    return new BrambleError(
      'DISK_FAILED',
      `cannot write in the cache folder ${folder}: ${messageOf(cause)}; check its rights, or set XDG_CACHE_HOME to another`,
      { cause },
    );
  return undefined;
}

function factsOf(path: string): string {
  return `${path}.json`;
}
