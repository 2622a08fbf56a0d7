import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chunkBytes } from '../../provision/image/stored-file.ts';

/** The start of every disk's image: a sector that ends with the mark of a boot record. */
function bootSector(): Buffer {
  return Buffer.concat([Buffer.alloc(510, 1), Buffer.from([0x55, 0xaa])]);
}

/** Three chunks and a little: what cannot be packed, what can, and zeros. */
export function someImage(): Buffer {
  return Buffer.concat([
    bootSector(),
    randomBytes(chunkBytes),
    Buffer.alloc(chunkBytes, 'a text, and again '),
    Buffer.alloc(chunkBytes + 77),
  ]);
}

/** A hundred times smaller when it is packed. */
export function sparseImage(megabytes: number): Buffer {
  return Buffer.concat([bootSector(), Buffer.alloc(megabytes * 1024 * 1024)]);
}

export function sha256Of(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

export type Packer = 'xz' | 'zstd' | 'gzip';

/** What the program makes of it. */
export function pack(program: Packer, content: Uint8Array, ...args: string[]): Buffer {
  return execFileSync(program, ['--stdout', ...args], { input: content, maxBuffer: 2 ** 30 });
}

/** A .zip in the folder with these files in it, made by the program `zip`. */
export function zip(folder: string, files: Readonly<Record<string, Uint8Array>>, ...args: string[]): string {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const path = join(folder, 'archive.zip');
  execFileSync('zip', ['-q', ...args, path, ...Object.keys(files)], { cwd: folder });
  return path;
}

/** ` (skipped: needs zstd)` for a test's name where one of them is not installed; nothing where CI is to fail then. */
export function whyNot(...programs: string[]): string {
  const missing = programs.filter((program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error);
  return missing.length === 0 || process.env.CI ? '' : ` (skipped: needs ${missing.join(', ')})`;
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const collected: Uint8Array[] = [];
  for await (const chunk of chunks) collected.push(chunk);
  return Buffer.concat(collected);
}

/** One byte in the middle is another. */
export function damaged(content: Uint8Array, at = Math.floor(content.length / 2)): Buffer {
  const copy = Buffer.from(content);
  copy.writeUInt8(copy.readUInt8(at) ^ 0xff, at);
  return copy;
}

export function damageFile(path: string): void {
  writeFileSync(path, damaged(readFileSync(path)));
}
