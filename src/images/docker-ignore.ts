import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../support/errors.ts';

/** Whether a path of a build context, with slashes, goes to Docker. */
export type IsWanted = (path: string) => boolean;

/**
 * What the `.dockerignore` of a build context lets through. The `docker` program leaves the rest out itself when it is given a folder,
 * but not of an archive. The Dockerfile is always wanted.
 */
export async function readDockerignore(folder: string): Promise<IsWanted> {
  const text = await readFile(join(folder, '.dockerignore'), 'utf8').catch((err: unknown) => {
    if (systemCode(err) === 'ENOENT') return '';
    throw err;
  });
  return parseDockerignore(text);
}

/** The last line that fits a path, or a folder that it is in, decides (Docker's documentation, .dockerignore files). */
export function parseDockerignore(text: string): IsWanted {
  const rules = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ isException: line.startsWith('!'), pattern: toPattern(line.replace(/^!\s*/, '')) }));
  return (path) =>
    path === 'Dockerfile' || (rules.findLast(({ pattern }) => pattern.test(path))?.isException ?? true);
}

/** Go's filepath.Match, and `**` for any number of folders. */
const sign = /\*\*\/|\*\*|[*?]|\[[^\]]+\]|\\?./gu;
const meanings: Readonly<Record<string, string>> = {
  '**/': '(.*/)?',
  '**': '.*',
  '*': '[^/]*',
  '?': '[^/]',
};

function toPattern(line: string): RegExp {
  const path = line.replace(/^(\.?\/)+/, '').replace(/\/+$/, '');
  const pattern = path.replace(
    sign,
    (found) => meanings[found] ?? (/^\[./.test(found) ? found : literal(found)),
  );
  return new RegExp(`^${pattern}(/|$)`);
}

/** With a backslash before it or not. */
function literal(character: string): string {
  return character.replace(/^\\(?=.)/, '').replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
}
