import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

export interface FileTree {
  readonly root: string;
  write(path: string, text: string): Promise<void>;
  remove(path: string): Promise<void>;
}

/** A temporary folder with these files, by path. It is removed when the test ends. */
export async function makeTree(files: Readonly<Record<string, string>>): Promise<FileTree> {
  const root = await mkdtemp(join(tmpdir(), 'bramble-tree-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const tree: FileTree = {
    root,
    write: async (path, text) => {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    },
    remove: (path) => rm(join(root, path), { recursive: true }),
  };
  for (const [path, text] of Object.entries(files)) await tree.write(path, text);
  return tree;
}
