import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

const cache = join(homedir(), '.cache/bramble-tests');
/** What no test has asked for since then may go. */
const keptMs = 3 * 3600 * 1000;

export interface KeptFolder {
  readonly name: string;
  /** All that the content depends on: when it is another, the folder is made anew. */
  readonly recipe: string | Buffer;
  make(folder: string): Promise<void>;
}

/** Makes a folder that is dear to make once, for all tests of all processes and later runs; gives its path. Only to be read. */
export async function keepFolder({ name, recipe, make }: KeptFolder): Promise<string> {
  await mkdir(cache, { recursive: true });
  const key = createHash('sha256').update(recipe).digest('hex').slice(0, 12);
  const folder = join(cache, `${name}-${key}`);
  const release = await lock(join(cache, `${name}.lock`));
  try {
    if (!existsSync(folder)) {
      await removeUnused(name);
      const draft = join(cache, `draft-${name}`);
      await rm(draft, { recursive: true, force: true });
      await mkdir(draft);
      await make(draft);
      await rename(draft, folder);
    }
    await utimes(folder, new Date(), new Date());
    return folder;
  } finally {
    release();
  }
}

async function removeUnused(name: string): Promise<void> {
  const isOne = new RegExp(`^${name}-[0-9a-f]{12}$`);
  for (const entry of await readdir(cache)) {
    const folder = join(cache, entry);
    if (isOne.test(entry) && (await stat(folder)).mtimeMs < Date.now() - keptMs)
      await rm(folder, { recursive: true, force: true });
  }
}

/** Waits for whoever has it. The kernel takes it from a process that ends, however it does. */
async function lock(file: string): Promise<() => void> {
  const holder = spawn('flock', [file, 'sh', '-c', 'echo locked; cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await Promise.race([
    once(holder.stdout, 'data'),
    once(holder, 'exit').then(() => {
      throw new Error(`flock could not lock ${file}`);
    }),
  ]);
  return () => {
    holder.stdin.end();
  };
}
