import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { projectFolder } from '../project-folder.ts';

/** By node, when it was last reached from this project, as ISO 8601. */
export type LastSeen = Readonly<Record<string, string>>;

export async function readLastSeen(inventoryFile: string): Promise<LastSeen> {
  try {
    const said: unknown = JSON.parse(await readFile(fileOf(inventoryFile), 'utf8'));
    if (typeof said !== 'object' || said === null) return {};
    return Object.fromEntries(Object.entries(said).map(([name, time]) => [name, String(time)]));
  } catch {
    return {}; // none was seen yet
  }
}

/** For the next look. Where it cannot be kept, no more than a convenience is lost. */
export async function noteSeen(
  inventoryFile: string,
  names: readonly string[],
  nowMs: number,
): Promise<void> {
  const file = fileOf(inventoryFile);
  const now = new Date(nowMs).toISOString();
  const seen = {
    ...(await readLastSeen(inventoryFile)),
    ...Object.fromEntries(names.map((name) => [name, now])),
  };
  const draft = `${file}.${process.pid}`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(draft, `${JSON.stringify(seen, null, 2)}\n`, { mode: 0o600 });
    await rename(draft, file);
  } catch {
    // the command that saw them has done its work all the same
  }
}

function fileOf(inventoryFile: string): string {
  return join(projectFolder(inventoryFile), 'seen.json');
}
