// The packages with native parts: they stay outside of the bundle, and an image needs them without what built them.
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const natives = ['onoff', '@photostructure/sqlite'];

/** Headers for the compiler. */
const buildOnly = new Set(['nan', 'node-addon-api']);
const notNeeded = new Set([
  'src',
  'scripts',
  'example',
  'examples',
  'test',
  'integration-test',
  'obj.target',
]);

/** Copies the natives that are installed, and what they need at run time, to a `node_modules` for this platform. */
export function copyNatives(target) {
  for (const [name, folder] of closureOf(natives))
    cpSync(folder, join(target, name), {
      recursive: true,
      filter: (file) => isNeeded(relative(folder, file)),
    });
}

function closureOf(names, found = new Map()) {
  for (const name of names) {
    if (found.has(name) || buildOnly.has(name)) continue;
    const folder = folderOf(name);
    found.set(name, folder);
    const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    closureOf(Object.keys(dependencies), found);
  }
  return found;
}

/** All of ours lie in the root's node_modules; a package need not export its package.json. */
function folderOf(name) {
  const folder = fileURLToPath(new URL(`node_modules/${name}`, import.meta.url));
  if (existsSync(folder)) return folder;
  throw new Error(
    `${name} is not installed; if it is optional, its build failed: see npm ci --foreground-scripts`,
  );
}

function isNeeded(path) {
  const [top = '', second] = path.split('/');
  if (top === 'prebuilds' && second !== undefined && second !== `linux-${process.arch}`) return false;
  if (path.split('/').some((part) => notNeeded.has(part))) return false;
  if (top === 'build' && second === 'Release') return path === 'build/Release' || path.endsWith('.node');
  if (top === 'build' && second !== undefined) return false;
  return !/\.(map|md|ts|cts|mts|gyp)$/.test(basename(path));
}
