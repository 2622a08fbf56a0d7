/**
 * Images of programs as Debian's packages on this machine have them, for where nothing can be pulled:
 *
 *   await importPackages(node, 'bramble-test/mosquitto', { packages: ['mosquitto', 'busybox-static'], changes: ['USER 1883'] });
 *
 * busybox, where it is among them, gets all its names, so that the image has a shell.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DockerNode } from './docker.ts';
import { buildImage } from './images.ts';

const run = promisify(execFile);
const maxBuffer = 64 * 1024 * 1024;

export interface PackageImage {
  readonly packages: readonly string[];
  /** Further folders of this machine. */
  readonly folders?: readonly string[];
  /** What of the packages is left out. */
  readonly without?: RegExp;
  /** Lines of a Dockerfile: ENV, CMD, RUN, … */
  readonly lines?: readonly string[];
}

export async function importPackages(
  node: Pick<DockerNode, 'docker'>,
  name: string,
  { packages, folders = [], without = /^$/, lines = [] }: PackageImage,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-packages-'));
  try {
    const archive = join(folder, 'root.tar');
    const files = (await filesOf(packages)).filter((file) => !without.test(file));
    const more = await Promise.all(folders.map(everythingIn));
    await writeFile(join(folder, 'files'), [...new Set([...files, ...more.flat()])].join('\n'));
    const options = ['--no-recursion', '--numeric-owner', '--ignore-failed-read'];
    await tar(['-cf', archive, ...options, '-T', join(folder, 'files')]);
    await node.docker('import', archive, `${name}-files`);
    const busybox = packages.includes('busybox-static')
      ? [
          'RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin; mkdir -p /tmp && chmod 1777 /tmp"]',
        ]
      : [];
    await buildImage(node, name, { dockerfile: [`FROM ${name}-files`, ...busybox, ...lines].join('\n') });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Of the packages and of all that they depend on; without documentation. */
async function filesOf(packages: readonly string[]): Promise<string[]> {
  const no = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'];
  const { stdout: tree } = await run(
    'apt-cache',
    ['depends', '--recurse', '--installed', ...no.map((kind) => `--no-${kind}`), ...packages],
    { maxBuffer },
  );
  const wanted = [...new Set(tree.split('\n').filter((line) => /^[a-z0-9]/.test(line)))];
  const { stdout: installed } = await run('dpkg', ['--get-selections'], { maxBuffer });
  const known = new Set(installed.split('\n').map((line) => line.split(/[:\s]/)[0] ?? ''));
  const { stdout: list } = await run('dpkg', ['-L', ...wanted.filter((one) => known.has(one))], {
    maxBuffer,
  });
  const candidates = list
    .split('\n')
    .filter((file) => file.startsWith('/') && !/^\/(\.|usr\/share\/(doc|man|locale|info))(\/|$)/.test(file));
  // The merged /usr: links first, and what they point to before them.
  const merged = [
    '/usr',
    '/usr/bin',
    '/usr/sbin',
    '/usr/lib',
    '/usr/lib64',
    '/bin',
    '/sbin',
    '/lib',
    '/lib64',
  ];
  const paths = [...new Set([...merged, '/etc', '/etc/ld.so.cache', ...candidates])];
  const there = await Promise.all(
    paths.map((file) =>
      lstat(file).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_, i) => there[i]);
}

async function everythingIn(folder: string): Promise<string[]> {
  const parents = folder.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'));
  const entries = await readdir(folder, { recursive: true });
  return [...parents.filter((parent) => parent !== ''), ...entries.map((entry) => join(folder, entry))];
}

async function tar(args: readonly string[]): Promise<void> {
  const child = spawn('tar', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const errors: string[] = [];
  child.stderr.on('data', (chunk) => errors.push(String(chunk)));
  const [status] = await once(child, 'exit');
  if (status !== 0) throw new Error(`tar ended with status ${status}: ${errors.join('')}`);
}
