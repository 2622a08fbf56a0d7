import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const classFolder = '/sys/class';
export const gpioFolder = join(classFolder, 'gpio');

/**
 * Puts a FUSE tree where the GPIO class belongs and returns the open `/dev/fuse` to serve it by. Call it in a private
 * mount namespace only: nobody else then sees a thing of it.
 */
export function mountGpioClass(): number {
  if (!existsSync(gpioFolder)) copyClassFolder();
  const fd = openSync('/dev/fuse', 'r+');
  const options = `fd=3,rootmode=40755,user_id=0,group_id=0,allow_other,default_permissions`;
  mount(['-i', '-t', 'fuse', '-o', options, 'gpio-emulator', gpioFolder], fd);
  return fd;
}

/**
 * No folder can be made in sysfs. So where a kernel without GPIO has no such class, another folder takes the place of
 * `/sys/class`, with all that was in it and one folder more. `/mnt` holds the old one while that is done.
 */
function copyClassFolder(): void {
  mount(['--bind', classFolder, '/mnt']);
  mount(['-t', 'tmpfs', '-o', 'mode=755', 'class', classFolder]);
  for (const name of readdirSync('/mnt')) {
    mkdirSync(join(classFolder, name));
    mount(['--bind', join('/mnt', name), join(classFolder, name)]);
  }
  mkdirSync(gpioFolder);
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
