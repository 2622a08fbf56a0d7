import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The freezers that kernels have, and where Docker would put the cgroup of a container. */
export const freezerLayouts = [
  { name: 'cgroup v1, driver cgroupfs', hierarchy: 'v1', folder: (id: string) => `freezer/docker/${id}` },
  {
    name: 'cgroup v1, driver systemd',
    hierarchy: 'v1',
    folder: (id: string) => `freezer/system.slice/docker-${id}.scope`,
  },
  { name: 'cgroup v2, driver cgroupfs', hierarchy: 'v2', folder: (id: string) => `docker/${id}` },
  {
    name: 'cgroup v2, driver systemd',
    hierarchy: 'v2',
    folder: (id: string) => `system.slice/docker-${id}.scope`,
  },
] as const;
export type FreezerLayout = (typeof freezerLayouts)[number];

/** Where a hierarchy with a freezer is mounted; `undefined` when there is none, or we may not write. */
function mountOf(hierarchy: FreezerLayout['hierarchy']): string | undefined {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  for (const line of mounts) {
    const [, path = '', type = '', options = ''] = line.split(' ');
    const isIt =
      hierarchy === 'v1' ? type === 'cgroup' && options.split(',').includes('freezer') : type === 'cgroup2';
    if (!isIt || !existsSync(path)) continue;
    try {
      accessSync(path, constants.W_OK);
      if (options.split(',').includes('rw')) return path;
    } catch {
      // Another mount of it may be writable.
    }
  }
  return undefined;
}

/** The reason why a freezer cannot be had, as the end of a test's name; empty when it can. */
export function whyNoFreezer({ hierarchy }: FreezerLayout): string {
  if (process.getuid?.() !== 0) return ' (skipped: cgroups need root)';
  return mountOf(hierarchy) === undefined ? ` (skipped: no writable cgroup ${hierarchy} with a freezer)` : '';
}

export interface FrozenWorld {
  /** In the place of `/sys`. */
  readonly sysRoot: string;
  /** The real cgroup. */
  readonly folder: string;
  /** Puts a process that counts into it; resolves to the function that tells how far it has come. */
  startCounting(): Promise<() => number>;
  remove(): Promise<void>;
}

/** A real cgroup of our own, seen through a folder that is laid out as `/sys` is where Docker runs `containerId`. */
export async function openFrozenWorld(layout: FreezerLayout, containerId: string): Promise<FrozenWorld> {
  const mount = mountOf(layout.hierarchy);
  if (mount === undefined) throw new Error(`no cgroup ${layout.hierarchy} here`);
  const folder = join(mount, `bramble-test-${process.pid}-${containerId.slice(0, 8)}`);
  const sysRoot = await mkdtemp(join(tmpdir(), 'bramble-sys-'));
  const seen = join(sysRoot, 'fs/cgroup', layout.folder(containerId));
  await mkdir(folder);
  await mkdir(dirname(seen), { recursive: true });
  await symlink(folder, seen);
  const children: ChildProcess[] = [];
  return {
    sysRoot,
    folder,
    startCounting: async () => {
      const child = spawn(
        'sh',
        ['-c', 'n=0; while :; do n=$((n+1)); [ $((n % 1000)) = 0 ] && echo $n; done'],
        {
          stdio: ['ignore', 'pipe', 'ignore'],
        },
      );
      children.push(child);
      let count = 0;
      child.stdout?.on('data', (lines: Buffer) => {
        count = Number(lines.toString().trim().split('\n').at(-1)) || count;
      });
      await writeFile(join(folder, 'cgroup.procs'), String(child.pid));
      return () => count;
    },
    remove: async () => {
      for (const child of children) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await rmdirWhenEmpty(folder);
      await rm(sysRoot, { recursive: true, force: true });
    },
  };
}

/** The kernel says EBUSY until the last process is reaped. */
async function rmdirWhenEmpty(folder: string): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await rmdir(folder);
    } catch (err) {
      if (attempt === 100 || !existsSync(folder)) throw err;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
