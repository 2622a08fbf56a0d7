import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BrambleError, systemCode } from '../../src/support/errors.ts';
import { packTar, type TarFile } from './tar.ts';

/** What `docker build` gets of this package: the Dockerfile, and what `.dockerignore` lets through. Always the same bytes. */
export async function packBuildContext(packageFolder: string): Promise<Buffer> {
  const names = ['Dockerfile', ...namesIn(await read(packageFolder, '.dockerignore'))].sort();
  const files: TarFile[] = [];
  for (const name of names) files.push(...(await filesBelow(packageFolder, name)));
  return packTar(files);
}

/** Ours leaves out everything, then lets names of the top folder through. */
function namesIn(dockerignore: Buffer): readonly string[] {
  return [...dockerignore.toString('utf8').matchAll(/^!(.+)$/gm)].map(([, name = '']) => name);
}

async function filesBelow(packageFolder: string, path: string): Promise<TarFile[]> {
  const stat = await lstat(join(packageFolder, path)).catch((err: unknown) => {
    throw missing(packageFolder, path, err);
  });
  if (stat.isFile())
    return [{ path, content: await read(packageFolder, path), isExecutable: (stat.mode & 0o100) !== 0 }];
  if (!stat.isDirectory() || path.endsWith('/__pycache__')) return [];
  const files: TarFile[] = [];
  for (const name of (await readdir(join(packageFolder, path))).sort())
    files.push(...(await filesBelow(packageFolder, `${path}/${name}`)));
  return files;
}

async function read(packageFolder: string, path: string): Promise<Buffer> {
  return readFile(join(packageFolder, path)).catch((err: unknown) => {
    throw missing(packageFolder, path, err);
  });
}

function missing(packageFolder: string, path: string, err: unknown): unknown {
  if (systemCode(err) !== 'ENOENT') return err;
  return new BrambleError(
    'INVALID',
    `the agent's image cannot be built from ${packageFolder}: ${path} is not there; take a clone of the repository, or set cluster.agent.image`,
    { cause: err },
  );
}
