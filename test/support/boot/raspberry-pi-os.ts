/**
 * What Raspberry Pi OS adds to Debian, as far as a flash and a first boot meet it: its own packages are not in Debian's
 * archive, so they are played here in a few lines.
 */
import { fstab } from '../pi-image.ts';

export type Release = 'bookworm' | 'trixie';

/** Files of the root file system, by their paths in it. */
export function systemFiles(release: Release): Record<string, string> {
  return { ...commonFiles, ...(release === 'trixie' ? cloudInitFiles : {}) };
}

/** Programs of the root file system. */
export function systemPrograms(release: Release): Record<string, string> {
  return {
    [`${sysMods}/regenerate_ssh_host_keys`]: regenerateHostKeys,
    ...(release === 'bookworm' ? { [`${sysMods}/firstboot`]: firstBoot } : {}),
  };
}

/** Run in the new system, when its files are there: a user who is to be renamed, and no SSH until somebody asks for it. */
export const systemSetUp = [
  'mkdir -p /boot/firmware',
  'useradd --create-home --shell /bin/bash --uid 1000 --groups adm,dialout,audio,sudo,video,plugdev,users pi',
  'rm -f /etc/ssh/ssh_host_* /etc/resolv.conf',
  'systemctl --quiet disable ssh.service',
  'systemctl --quiet enable regenerate_ssh_host_keys.service',
  'locale-gen',
].join('\n');

const sysMods = 'usr/lib/raspberrypi-sys-mods';

const commonFiles = {
  'etc/fstab': fstab,
  'etc/hostname': 'raspberrypi\n',
  'etc/hosts': '127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n',
  'etc/machine-id': '',
  'etc/locale.gen': 'en_GB.UTF-8 UTF-8\n',
  'etc/default/locale': 'LANG=en_GB.UTF-8\n',
  // Empty: network ports keep the kernel's names, such as eth0 (systemd.link(5)).
  'etc/systemd/network/99-default.link': '',
  'usr/lib/systemd/system/regenerate_ssh_host_keys.service': `[Unit]
Description=Make SSH host keys
Before=ssh.service

[Service]
Type=oneshot
ExecStart=/${sysMods}/regenerate_ssh_host_keys

[Install]
WantedBy=multi-user.target
`,
};

const cloudInitFiles = {
  'etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg': `datasource_list: [ NoCloud, None ]
datasource:
  NoCloud:
    seedfrom: file:///boot/firmware
system_info:
  default_user:
    name: pi
    groups: [adm, dialout, audio, sudo, video, plugdev, users]
  network:
    renderers: [netplan]
`,
  'etc/systemd/system/cloud-init-main.service.d/boot-partition.conf':
    '[Unit]\nRequiresMountsFor=/boot/firmware\n',
  'usr/lib/netplan/00-network-manager-all.yaml': 'network:\n  version: 2\n  renderer: NetworkManager\n',
};

const regenerateHostKeys = `#!/bin/sh -e
rm -f /etc/ssh/ssh_host_*_key*
ssh-keygen -A
systemctl -q disable regenerate_ssh_host_keys
`;

/** Takes the place of init at the first start. The real one makes the root partition larger, too. */
const firstBoot = `#!/bin/sh
mount -o remount,rw /
mount /boot/firmware
sed -i 's| init=/${sysMods}/firstboot||' /boot/firmware/cmdline.txt
/${sysMods}/regenerate_ssh_host_keys
umount /boot/firmware
mount -o remount,ro /
sync
reboot -f
`;
