/**
 * Root file systems of freshly installed Debian machines, made once by `mmdebstrap` from Debian's mirror and kept. They have an
 * SSH server, sudo and a user `pi`, and what Raspberry Pi OS has of tools; apt installs Docker and a registry in them from
 * packages that they bring, because a machine of the tests has no way out.
 */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { debianMirror } from '../debian-mirror.ts';
import { keepFolder } from './kept-folder.ts';

const run = promisify(execFile);

export type Release = 'bookworm' | 'trixie';

/** Home of the user `pi`, whose number is 1000 as on Raspberry Pi OS. */
export const piHome = '/home/pi';
/** Of the user `pi`, where sudo asks for one. */
export const piPassword = 'a-password-for-sudo-in-tests';

const packages = [
  ...['systemd', 'systemd-sysv', 'dbus', 'openssh-server', 'sudo', 'ca-certificates', 'curl', 'gnupg'],
  ...['iproute2', 'iptables', 'procps'],
];
const offered: Readonly<Record<Release, readonly string[]>> = {
  bookworm: ['docker.io', 'docker-registry', 'apache2-utils'],
  trixie: ['docker.io', 'docker-cli', 'docker-registry', 'apache2-utils'],
};
/** They would touch what the machines share with this one, or ask for what a machine without a way out cannot have. */
const masked = [
  ...['systemd-sysctl', 'systemd-modules-load', 'systemd-remount-fs', 'systemd-random-seed'],
  ...['systemd-timesyncd', 'systemd-binfmt', 'systemd-udevd', 'systemd-udev-trigger', 'systemd-logind'],
  ...['getty@tty1', 'console-getty', 'e2scrub_reap', 'apt-daily.timer', 'apt-daily-upgrade.timer'],
  ...['e2scrub_all.timer', 'sys-kernel-config.mount', 'sys-kernel-debug.mount', 'sys-kernel-tracing.mount'],
  ...['sys-fs-fuse-connections.mount', 'dev-hugepages.mount', 'dev-mqueue.mount'],
];

const repository = '/srv/debian';
/** Runs in the new root's last moment before it is complete: mmdebstrap(1), HOOKS. */
const finish = String.raw`set -eu
root=$1 password=$2 masked=$3; shift 3
apt() { APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -qq "$@" >/dev/null; }
apt clean
apt install --yes --no-install-recommends --download-only "$@"
mkdir -p "$root${repository}"
mv "$root"/var/cache/apt/archives/*.deb "$root${repository}"
cd "$root${repository}"
for deb in *.deb; do
  dpkg-deb --field "$deb"
  printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' \
    "$deb" "$(stat --format=%s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"
done >Packages
rm -f "$root"/etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:${repository} ./' >"$root/etc/apt/sources.list"
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"
chroot "$root" useradd --create-home --shell /bin/bash pi
echo "pi:$password" | chroot "$root" chpasswd
for unit in $masked; do
  case $unit in *.*) ;; *) unit=$unit.service ;; esac
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
`;

/** Runs in mount and process namespaces of its own. */
const install = `set -eu
layer=$1 base=$2; shift 2
mount -t tmpfs tmpfs /mnt
mkdir /mnt/new
mount -t overlay overlay -o "lowerdir=$base,upperdir=$layer/root,workdir=$layer/work" /mnt/new
mount -t proc proc /mnt/new/proc
printf '#!/bin/sh\\nexit 101\\n' >/mnt/new/usr/sbin/policy-rc.d
chmod +x /mnt/new/usr/sbin/policy-rc.d
chroot /mnt/new sh -c 'apt-get -qq update && apt-get -qq install --yes --no-install-recommends "$@"' sh "$@"
rm /mnt/new/usr/sbin/policy-rc.d
`;

/** Folder of the root file system. */
export async function debianRoot(release: Release): Promise<string> {
  const include = packages.join(',');
  const words = [piPassword, masked.join(' '), ...offered[release]].map((word) => `'${word}'`).join(' ');
  const folder = await keepFolder({
    name: `debian-${release}`,
    recipe: JSON.stringify([release, include, finish, words]),
    make: async (draft) => {
      await run('mmdebstrap', [
        ...['--quiet', '--mode=root', '--variant=minbase', '--format=directory', `--include=${include}`],
        ...['--dpkgopt=force-unsafe-io', ...without.map((path) => `--dpkgopt=path-exclude=${path}`)],
        `--customize-hook=sh -c '${finish.replaceAll("'", String.raw`'\''`)}' finish "$1" ${words}`,
        ...[release, join(draft, 'root'), debianMirror()],
      ]);
    },
  });
  return join(folder, 'root');
}

const without = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/info/*', '/usr/share/locale/*'];

/** What Docker's packages add to the root file system, as a layer over it. */
export async function dockerLayer(release: Release): Promise<string> {
  const base = await debianRoot(release);
  const wanted = offered[release].filter((name) => name.startsWith('docker') && name !== 'docker-registry');
  const folder = await keepFolder({
    name: `debian-${release}-docker`,
    recipe: JSON.stringify([base, install, wanted]),
    make: async (draft) => {
      await mkdir(join(draft, 'root'));
      await mkdir(join(draft, 'work'));
      const script = ['sh', '-c', install, 'install', draft, base, ...wanted];
      await run('unshare', ['--mount', '--pid', '--fork', '--kill-child', ...script]);
    },
  });
  return join(folder, 'root');
}
