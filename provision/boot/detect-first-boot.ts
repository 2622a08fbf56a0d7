import { BrambleError } from '../../src/support/errors.ts';
import type { FirstBoot } from '../customise/boot-files.ts';
import type { BootPartition } from './boot-partition.ts';

/** Laid down by Raspberry Pi OS from Trixie on, and read by its cloud-init. */
const cloudInitFiles = ['user-data', 'meta-data'];
/** What resizes the root partition, makes host keys and reads `custom.toml` at the first boot of Bookworm. */
const firstBootProgram = 'init=/usr/lib/raspberrypi-sys-mods/firstboot';
/** Bullseye's later images have that program too, but neither this setting nor NetworkManager. */
const bookwormSetting = /^\s*auto_initramfs=1\s*$/m;

/**
 * How the image wants to be told at its first boot, from what it has on its boot partition. Throws UNSUPPORTED rather than
 * guess: a wrong guess is a node that comes up without its user, and nobody can ask it why.
 */
export function detectFirstBoot(partition: Pick<BootPartition, 'read' | 'list'>): FirstBoot {
  const names = new Set(partition.list().map((path) => path.toLowerCase()));
  const cmdline = readText(partition, 'cmdline.txt');
  const config = readText(partition, 'config.txt');
  if (cmdline === undefined || config === undefined)
    throw unsupported(`${cmdline === undefined ? 'cmdline.txt' : 'config.txt'} is missing`);
  const hasFirstBootProgram = cmdline.split(/\s+/).includes(firstBootProgram);
  if (cloudInitFiles.every((name) => names.has(name))) return 'trixie';
  if (hasFirstBootProgram && bookwormSetting.test(config)) return 'bookworm';
  if (hasFirstBootProgram || cmdline.includes('init_resize.sh'))
    throw unsupported('it looks like Bullseye or older, which cannot be told its network');
  const issue = readText(partition, 'issue.txt')?.split('\n', 1)[0]?.trim();
  throw unsupported(
    [
      `there is neither ${cloudInitFiles.join(' and ')} (Trixie) nor ${firstBootProgram} in cmdline.txt (Bookworm)`,
      issue === undefined ? 'nor an issue.txt that names its release' : `its issue.txt says '${issue}'`,
    ].join('; '),
  );
}

function readText(partition: Pick<BootPartition, 'read'>, path: string): string | undefined {
  const content = partition.read(path);
  return content && new TextDecoder().decode(content);
}

function unsupported(why: string): BrambleError {
  return new BrambleError(
    'UNSUPPORTED',
    `cannot tell how this image wants to be set up: ${why}; use Raspberry Pi OS Bookworm or Trixie as it was downloaded, not yet started`,
  );
}
