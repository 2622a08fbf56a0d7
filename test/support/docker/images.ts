/**
 * Images from what is on this machine: nothing is pulled.
 *
 *   await buildImages(node, ['busybox', 'node', 'probe']);   bramble-test/busybox, bramble-test/node, bramble-test/probe
 *   await buildImage(node, 'bramble-test/mine', { dockerfile: 'FROM bramble-test/node\nCOPY . /home/app\n…', files: { 'handler.mjs': '…' } });
 *   await copyImages(from, [to, …], ['bramble-test/probe']);
 *
 * `bramble-test/node` is Node.js and its libraries, with `node` as the entry point's path `/usr/local/bin/node`;
 * `bramble-test/probe` is the probe function of `test/support/probe` as an HTTP server on port 8080.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DockerNode } from './docker.ts';

const run = promisify(execFile);
const probeFolder = fileURLToPath(new URL('../probe', import.meta.url));

export interface ImageSource {
  /** Path in the build context → content, or a file of this machine. */
  readonly files?: Readonly<Record<string, string | { readonly from: string }>>;
  readonly dockerfile: string;
}

/** Builds with the classic builder, which every Engine has. */
export async function buildImage(
  node: Pick<DockerNode, 'docker'>,
  name: string,
  { files = {}, dockerfile }: ImageSource,
): Promise<void> {
  await inTemporaryFolder(async (context) => {
    for (const [path, content] of Object.entries(files)) {
      const target = join(context, path);
      await mkdir(dirname(target), { recursive: true });
      if (typeof content === 'string') await writeFile(target, content);
      else await cp(content.from, target, { recursive: true, dereference: true });
    }
    await writeFile(join(context, 'Dockerfile'), dockerfile);
    await node.docker('build', '--quiet', '--tag', name, context);
  });
}

export type KnownImage = 'busybox' | 'node' | 'probe';

export async function buildImages(
  node: Pick<DockerNode, 'docker'>,
  images: readonly KnownImage[],
): Promise<void> {
  const needed = new Set<KnownImage>(images.includes('probe') ? ['node', ...images] : images);
  if (needed.has('busybox')) await buildBusybox(node);
  if (needed.has('node')) await buildNode(node);
  if (needed.has('probe')) await buildProbe(node);
}

/** Gives images of one Engine to others. */
export async function copyImages(
  from: Pick<DockerNode, 'docker'>,
  to: readonly Pick<DockerNode, 'docker'>[],
  names: readonly string[],
): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const archive = join(folder, 'images.tar');
    await from.docker('save', '--output', archive, ...names);
    for (const node of to) await node.docker('load', '--quiet', '--input', archive);
  });
}

async function buildBusybox(node: Pick<DockerNode, 'docker'>): Promise<void> {
  const busybox = execFileSync('which', ['busybox'], { encoding: 'utf8' }).trim();
  await importTree(node, 'bramble-test/busybox', { changes: ['CMD ["sh"]'] }, async (root) => {
    await mkdir(join(root, 'bin'));
    await mkdir(join(root, 'tmp'));
    await copyFile(busybox, join(root, 'bin/busybox'));
    const { stdout } = await run(busybox, ['--list']);
    for (const applet of stdout.trim().split('\n'))
      if (applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet));
  });
}

async function buildNode(node: Pick<DockerNode, 'docker'>): Promise<void> {
  const changes = ['ENV PATH=/usr/local/bin:/bin', 'CMD ["/usr/local/bin/node"]'];
  await importTree(node, 'bramble-test/node', { changes }, async (root) => {
    for (const folder of ['usr/local/bin', 'tmp', 'etc'])
      await mkdir(join(root, folder), { recursive: true });
    await chmod(join(root, 'tmp'), 0o1777);
    await writeFile(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\napp:x:100:101::/home/app:/bin/sh\n');
    await copyFile(await realpath(process.execPath), join(root, 'usr/local/bin/node'));
    for (const library of await librariesOf(process.execPath)) {
      await mkdir(join(root, dirname(library)), { recursive: true });
      await copyFile(await realpath(library), join(root, library));
    }
  });
}

async function buildProbe(node: Pick<DockerNode, 'docker'>): Promise<void> {
  await buildImage(node, 'bramble-test/probe', {
    files: { probe: { from: probeFolder } },
    dockerfile: [
      'FROM bramble-test/node',
      'COPY probe /probe',
      'ENV PORT=8080 HOST=0.0.0.0',
      'CMD ["/usr/local/bin/node", "/probe/server.mjs"]',
    ].join('\n'),
  });
}

/** The libraries that a program is linked with, and the loader that finds them. */
async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await run('ldd', [program]);
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].flatMap((match) => match[1] ?? []);
}

async function importTree(
  node: Pick<DockerNode, 'docker'>,
  name: string,
  { changes }: { readonly changes: readonly string[] },
  fill: (root: string) => Promise<void>,
): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const root = join(folder, 'root');
    await mkdir(root);
    await fill(root);
    const archive = join(folder, 'root.tar');
    const tar = spawn('tar', ['-C', root, '--numeric-owner', '--owner=0', '--group=0', '-cf', archive, '.'], {
      stdio: 'inherit',
    });
    const [status] = await once(tar, 'exit');
    if (status !== 0) throw new Error(`tar ended with status ${status}`);
    await node.docker('import', ...changes.flatMap((change) => ['--change', change]), archive, name);
  });
}

async function inTemporaryFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-image-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
