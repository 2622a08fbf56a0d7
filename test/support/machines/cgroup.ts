import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive } from '../docker/lan.ts';
import { until } from '../wait.ts';

const prefix = 'bramble-machine';
let made = 0;

interface Hierarchy {
  readonly place: string;
  readonly type: 'cgroup' | 'cgroup2';
  /** `cpu,cpuacct`, `name=systemd`; empty in version 2. */
  readonly controllers: string;
}

/** A cgroup in each hierarchy of this kernel, of which a machine believes that it is the root. */
export interface MachineCgroup {
  /** One for each hierarchy; a process is in when its id is written to their `cgroup.procs`. */
  readonly folders: readonly string[];
  /** `type:options:place`, as they are to be mounted inside. */
  readonly mounts: readonly string[];
  /** When all its processes have ended. */
  remove(): Promise<void>;
}

export async function makeCgroup(): Promise<MachineCgroup> {
  const all = hierarchies();
  sweep(all);
  made += 1;
  const folders = all.map(({ place }) => join(place, `${prefix}-${process.pid}-${made}`));
  for (const folder of folders) {
    await mkdir(folder);
    // A new cpuset has no processors, and no process may enter it until it has (cgroups(7), cpuset).
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      if (existsSync(join(folder, '..', file)) && !existsSync(join(folder, 'cgroup.controllers')))
        await writeFile(join(folder, file), await readFile(join(folder, '..', file)));
  }
  return {
    folders,
    mounts: all.map(({ type, controllers, place }) => `${type}:${controllers || 'rw'}:${place}`),
    remove: async () => {
      for (const folder of folders)
        await until(`${folder} is empty`, () => !existsSync(folder) || canRemove(folder));
    },
  };
}

function hierarchies(): Hierarchy[] {
  const ours = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n');
  const controllersOf = ours.map((line) => line.split(':')[1] ?? '');
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return mounts.flatMap((line): Hierarchy[] => {
    const [, place = '', type = '', options = ''] = line.split(' ');
    if (type === 'cgroup2') return [{ place, type, controllers: '' }];
    if (type !== 'cgroup') return [];
    const has = options.split(',');
    const controllers = controllersOf.find(
      (names) => names !== '' && names.split(',').every((name) => has.includes(name)),
    );
    return controllers === undefined ? [] : [{ place, type, controllers }];
  });
}

/** The innermost first. The kernel says EBUSY until the last process is reaped. */
function canRemove(folder: string): boolean {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isDirectory() && !canRemove(join(folder, entry.name))) return false;
    rmdirSync(folder);
    return true;
  } catch {
    return !existsSync(folder);
  }
}

/** Runs that were killed left theirs behind. */
function sweep(all: readonly Hierarchy[]): void {
  for (const { place } of all)
    for (const name of readdirSync(place)) {
      const pid = new RegExp(`^${prefix}-(\\d+)-`).exec(name)?.[1];
      if (pid !== undefined && !isAlive(Number(pid))) canRemove(join(place, name));
    }
}
