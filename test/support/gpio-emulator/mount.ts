import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const root = '/sys';

/**
 * Puts a FUSE tree where the GPIO class belongs and returns the open `/dev/fuse` to serve it by. Call it in a private
 * mount namespace only: nobody else then sees a thing of it.
 */
export function mountGpioClass(): number {
  const place = makePlace('class/gpio');
  const fd = openSync('/dev/fuse', 'r+');
  const options = `fd=3,rootmode=40755,user_id=0,group_id=0,allow_other,default_permissions`;
  mount(['-i', '-t', 'fuse', '-o', options, 'gpio-emulator', place], fd);
  return fd;
}

/** Shows a folder at a place below `/sys`; what changes in it is seen there. In a private mount namespace only. */
export function mountFolder(place: string, folder: string): void {
  mount(['--bind', folder, makePlace(place)]);
}

function makePlace(path: string): string {
  const place = join(root, path);
  if (!existsSync(place)) addFolder(dirname(place), basename(place));
  return place;
}

/**
 * No folder can be made in sysfs. So where a kernel has none of that name, another folder takes the parent's place, with
 * all that was in it and one folder more. `/mnt` holds the old one while that is done.
 */
function addFolder(parent: string, name: string): void {
  mount(['--rbind', parent, '/mnt']);
  mount(['-t', 'tmpfs', '-o', 'mode=755', basename(parent), parent]);
  for (const old of readdirSync('/mnt')) {
    mkdirSync(join(parent, old));
    mount(['--rbind', join('/mnt', old), join(parent, old)]);
  }
  mkdirSync(join(parent, name));
  run('umount', ['-l', '/mnt']);
}

function mount(args: readonly string[], fd?: number): void {
  run('mount', args, fd);
}

/** The command finds `fd` as its file 3. */
function run(command: string, args: readonly string[], fd?: number): void {
  const { status, stderr } = spawnSync(command, args, {
    stdio: ['ignore', 'inherit', 'pipe', fd ?? 'ignore'],
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr}`);
}
