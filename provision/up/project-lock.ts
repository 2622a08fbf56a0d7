import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { BrambleError, messageOf, systemCode } from '../../src/support/errors.ts';
import { projectFolder } from '../project-folder.ts';

/**
 * Keeps others from changing the same cluster from this project at the same time. Rejects CONFLICT while somebody else does. Resolves
 * to the function that ends it. The lock of a process that is gone counts no more.
 */
export async function lockProject(inventoryFile: string): Promise<() => Promise<void>> {
  const file = join(projectFolder(inventoryFile), 'up.lock');
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  if (!(await take(file)) && !(await inherit(file))) throw taken(file, await readHolder(file));
  return () => rm(file, { force: true });
}

/** Takes it from a process that is gone. One at a time, else a second one would take it from the first. */
async function inherit(file: string): Promise<boolean> {
  const turn = `${file}.turn`;
  if (!(await take(turn))) throw taken(turn, await readHolder(turn));
  try {
    if (isAlive(await readHolder(file))) return false;
    await rm(file, { force: true });
    return await take(file);
  } finally {
    await rm(turn, { force: true });
  }
}

interface Holder {
  readonly pid: number;
  readonly host: string;
}

/** By a link to a file that is complete, so that nobody reads half of it. */
async function take(file: string): Promise<boolean> {
  const draft = `${file}.${randomUUID()}`;
  const holder: Holder = { pid: process.pid, host: hostname() };
  try {
    await writeFile(draft, JSON.stringify(holder), { mode: 0o600 });
    await link(draft, file);
    return true;
  } catch (err) {
    if (systemCode(err) === 'EEXIST') return false;
    throw new BrambleError('STORE_BROKEN', `cannot write ${file}: ${messageOf(err)}`, { cause: err });
  } finally {
    await rm(draft, { force: true });
  }
}

/** `undefined` where it was given back by now, or says nothing. */
async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    const said: unknown = JSON.parse(await readFile(file, 'utf8'));
    const isHolder = typeof said === 'object' && said !== null && 'pid' in said && 'host' in said;
    return isHolder ? { pid: Number(said.pid), host: String(said.host) } : undefined;
  } catch {
    return undefined;
  }
}

/** Of another machine's processes nothing is known here. */
function isAlive(holder: Holder | undefined): boolean {
  if (holder === undefined) return false;
  if (holder.host !== hostname()) return true;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (err) {
    return systemCode(err) === 'EPERM';
  }
}

function taken(file: string, holder: Holder | undefined): BrambleError {
  const who = holder === undefined ? 'somebody' : `process ${holder.pid} on ${holder.host}`;
  return new BrambleError(
    'CONFLICT',
    `${who} is changing this cluster already; wait for that, or remove ${file} if it is not so`,
  );
}
