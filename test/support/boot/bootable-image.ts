/**
 * An image that a machine without a Pi's processor can start, and that is else set up as Raspberry Pi OS Lite is: Debian's
 * packages in the same partitions, with the kernel and its initramfs where the firmware looks for them. Made once from
 * Debian's mirror and kept.
 */
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { debianMirror } from '../debian-mirror.ts';
import { keepFolder } from '../machines/kept-folder.ts';
import { writePiImage, writeTree } from '../pi-image.ts';
import { type Release, systemFiles, systemPrograms, systemSetUp } from './raspberry-pi-os.ts';

const run = promisify(execFile);

/** The reason why no image can be made or started, as the end of a test's name; empty when it can, and in CI, where it must. */
export function whyNoBoot(): string {
  if (process.env.CI !== undefined) return '';
  if (process.getuid?.() !== 0) return ' (skipped: making a root file system needs root)';
  const programs = ['qemu-system-x86_64', 'mmdebstrap', 'sfdisk', 'mkfs.vfat', 'mkfs.ext4', 'mcopy'];
  const missing = [...programs, 'flock', 'setpriv', 'ssh', 'ssh-keygen'].filter(
    (program) => spawnSync('which', [program]).status !== 0,
  );
  return missing.length === 0 ? '' : ` (skipped: ${missing.join(', ')} not installed)`;
}

const packages: Readonly<Record<Release, readonly string[]>> = {
  bookworm: [],
  trixie: ['cloud-init', 'netplan.io'],
};
const commonPackages = [
  ...['systemd', 'systemd-sysv', 'dbus', 'udev', 'kmod', 'openssh-server', 'sudo', 'network-manager'],
  ...['iproute2', 'locales', 'tzdata', 'console-setup', 'e2fsprogs', 'dosfstools', 'initramfs-tools', 'zstd'],
  // Bookworm's kernel for both: the next one's panics in the software emulation of QEMU 7.2.
  'linux-image-amd64/bookworm',
];

/** The emulated machine's few devices; the rest would be two thirds of the image. */
const drivers = [
  'virtio/*',
  'block/virtio_blk.ko',
  'net/virtio_net.ko',
  'net/net_failover.ko',
  'char/hw_random/*',
];
const modules = '/lib/modules/*/kernel';
const without = [
  ...['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/info/*', '/usr/share/locale/*'],
  ...[`${modules}/sound/*`, `${modules}/drivers/*`],
];
const initramfs = {
  'etc/initramfs-tools/conf.d/modules.conf': 'MODULES=list\n',
  'etc/initramfs-tools/modules': 'virtio_pci\nvirtio_blk\next4\ncrc32c_generic\n',
};
const rootBytes = 768 * 1024 * 1024;

/** Path of the image; only to be read. */
export async function bootableImage(release: Release): Promise<string> {
  const include = [...commonPackages, ...packages[release]].join(',');
  const files = systemFiles(release);
  const programs = systemPrograms(release);
  const folder = await keepFolder({
    name: `bootable-${release}`,
    recipe: JSON.stringify([
      release,
      include,
      without,
      drivers,
      initramfs,
      files,
      programs,
      systemSetUp,
      rootBytes,
    ]),
    make: async (draft) => {
      const root = join(draft, 'root');
      await makeRoot(root, release, include);
      writeTree(root, { ...files, ...programs });
      for (const program of Object.keys(programs)) chmodSync(join(root, program), 0o755);
      await run('chroot', [root, 'sh', '-ec', systemSetUp]);
      writePiImage(join(draft, 'image.img'), {
        release,
        rootBytes,
        rootFolder: root,
        bootFiles: takeKernel(root),
      });
      await rm(root, { recursive: true });
    },
  });
  return join(folder, 'image.img');
}

async function makeRoot(root: string, release: Release, include: string): Promise<void> {
  const suites = [...new Set([release, 'bookworm'])].map((suite) => `deb ${debianMirror()} ${suite} main`);
  const prepare = Object.entries(initramfs).map(
    ([path, text]) => `mkdir -p "$1/$(dirname ${path})"; printf %s '${text}' >"$1/${path}"`,
  );
  await run('mmdebstrap', [
    ...['--quiet', '--mode=root', '--variant=minbase', '--format=directory', `--include=${include}`],
    ...['--dpkgopt=force-unsafe-io', ...without.map((path) => `--dpkgopt=path-exclude=${path}`)],
    ...drivers.map((driver) => `--dpkgopt=path-include=${modules}/drivers/${driver}`),
    `--essential-hook=${prepare.join('; ')}`, // before the kernel, whose package makes the initramfs
    ...[release, root, ...suites],
  ]);
}

/** By the names under which the firmware looks for them, with `auto_initramfs=1` and no `kernel=` in config.txt. */
function takeKernel(root: string): Record<string, Uint8Array> {
  const boot = join(root, 'boot');
  const read = (prefix: string): Uint8Array => {
    const name = readdirSync(boot).find((one) => one.startsWith(prefix));
    if (name === undefined) throw new Error(`${boot} has no ${prefix}…`);
    return readFileSync(join(boot, name));
  };
  return { 'kernel8.img': read('vmlinuz-'), initramfs8: read('initrd.img-') };
}
