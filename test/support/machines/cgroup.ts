import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive } from '../docker/lan.ts';
import { thawBelow } from '../thaw.ts';
import { until } from '../wait.ts';

const prefix = 'bramble-machine';
/** The kernel's own, in which a quota is used up. */
const periodUs = 100_000;
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

/** `processors`: how many of this machine's it may use at most; a part of one as well. */
export async function makeCgroup(processors?: number): Promise<MachineCgroup> {
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
  if (processors !== undefined)
    for (const folder of folders) await limitProcessors(folder, Math.round(processors * periodUs));
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

/** In version 2 a line, in version 1 a file of the hierarchy that has processors (kernel: cgroup-v2.rst, sched-bwc.rst). */
async function limitProcessors(folder: string, quotaUs: number): Promise<void> {
  if (existsSync(join(folder, 'cpu.max'))) await writeFile(join(folder, 'cpu.max'), `${quotaUs} ${periodUs}`);
  const quotaFile = join(folder, 'cpu.cfs_quota_us');
  if (existsSync(quotaFile)) await writeFile(quotaFile, String(quotaUs));
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
      if (pid === undefined || isAlive(Number(pid))) continue;
      thawBelow(join(place, name)); // what was frozen when its run was killed waits for that to die
      canRemove(join(place, name));
    }
}
