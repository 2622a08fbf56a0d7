import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemCode } from '../../support/errors.ts';
import { type Check, fail, ok, type Verdict, warn } from '../finding.ts';

const mebibyte = 1024 * 1024;
/** Room for a long outage of the broker: 100 000 events of a few hundred bytes, and the store's own log. */
const comfortableBytes = 200 * mebibyte;
const leastBytes = 20 * mebibyte;

export function checkDataFolder(dataDir: string): Check {
  return {
    name: 'data folder',
    async run() {
      const folder = resolve(dataDir);
      const there = await nearestExisting(folder);
      const note = there === folder ? '' : ', will be made';
      const problem = await whyUnwritable(there);
      if (problem !== undefined) {
        return [
          fail(
            `${folder} cannot be written: ${there} ${problem}`,
            'change its owner, or set dataDir to another folder',
          ),
        ];
      }
      const { bavail, bsize } = await statfs(there);
      return [judgeFreeBytes(`${folder}${note}`, bavail * bsize)];
    },
  };
}

export function judgeFreeBytes(folder: string, freeBytes: number): Verdict {
  const detail = `${folder}, ${Math.floor(freeBytes / mebibyte)} MiB free`;
  const advice = 'make room on that disk, or set dataDir to a folder on another one';
  if (freeBytes < leastBytes) return fail(detail, advice);
  return freeBytes < comfortableBytes ? warn(detail, advice) : ok(detail);
}

async function whyUnwritable(path: string): Promise<string | undefined> {
  if (!(await stat(path)).isDirectory()) return 'is no folder';
  return access(path, constants.W_OK | constants.X_OK).then(
    () => undefined,
    (err: unknown) => `is closed to this user (${systemCode(err)})`,
  );
}

async function nearestExisting(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (err) {
    if (systemCode(err) !== 'ENOENT' || dirname(path) === path) throw err;
    return nearestExisting(dirname(path));
  }
}
