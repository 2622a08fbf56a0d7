import type { SlotDevice } from '../../provision/disk/read-lsblk.ts';

/** What lsblk says of machines as people have them; of its many columns those that differ. */

const disk = (name: string, sizeBytes: number, also: Record<string, unknown> = {}) => ({
  name,
  kname: name,
  path: `/dev/${name}`,
  type: 'disk',
  ro: false,
  rm: false,
  hotplug: false,
  size: sizeBytes,
  'log-sec': 512,
  mountpoints: [null],
  ...also,
});
const usb = { rm: true, hotplug: true, tran: 'usb', subsystems: 'block:scsi:usb:pci' };
const part = (
  name: string,
  sizeBytes: number,
  mountPoint: string | null,
  also: Record<string, unknown> = {},
) => disk(name, sizeBytes, { type: 'part', mountpoints: [mountPoint], ...also });
const piOs = (name: string, mountPoints: readonly [string | null, string | null] = [null, null]) => [
  part(`${name}1`, 536_870_912, mountPoints[0], { label: 'bootfs', fstype: 'vfat' }),
  part(`${name}2`, 31_373_918_208, mountPoints[1], { label: 'rootfs', fstype: 'ext4' }),
];
const machine = (...blockdevices: unknown[]) => ({ blockdevices });
const card = 31_914_983_424;

export const machines = {
  laptopWithReader: machine(
    disk('nvme0n1', 512_110_190_592, {
      tran: 'nvme',
      model: 'SAMSUNG MZVLB512',
      subsystems: 'block:nvme:pci',
      children: [
        part('nvme0n1p1', 536_870_912, '/boot/efi', { fstype: 'vfat' }),
        part('nvme0n1p2', 511_000_000_000, '/', { fstype: 'ext4' }),
      ],
    }),
    disk('sda', card, { ...usb, vendor: 'Generic-', model: 'SD/MMC          ', children: piOs('sda') }),
    disk('sdb', 0, { ...usb, vendor: 'Generic-', model: 'Micro SD/M2' }),
    disk('sr0', 1_073_741_312, { type: 'rom', rm: true, hotplug: true, tran: 'sata' }),
  ),
  chromebook: machine(
    disk('mmcblk0', 62_537_072_640, { hotplug: true, subsystems: 'block:mmc:mmc_host:pci' }),
    disk('mmcblk0boot0', 4_194_304, { hotplug: true, subsystems: 'block:mmc:mmc_host:pci' }),
    disk('mmcblk1', card, {
      hotplug: true,
      subsystems: 'block:mmc:mmc_host:pci',
      children: piOs('mmcblk1p'),
    }),
  ),
  desktopMountedCard: machine(
    disk('sdb', card, { ...usb, children: piOs('sdb', ['/media/anna/bootfs', '/media/anna/rootfs']) }),
  ),
  pi: machine(
    disk('mmcblk1', card, {
      hotplug: true,
      subsystems: 'block:mmc:mmc_host:platform',
      children: piOs('mmcblk1p', ['/boot/firmware', '/']),
    }),
  ),
  lockedCard: machine(disk('sdb', card, { ...usb, ro: true })),
  emptySecondDisk: machine(
    disk('sda', 250_059_350_016, {
      tran: 'sata',
      children: [part('sda1', 250_058_301_440, '/', { fstype: 'ext4' })],
    }),
    disk('sdb', 120_034_123_776, { tran: 'sata' }),
  ),
  thunderbolt: machine(
    disk('nvme1n1', 250_059_350_016, { tran: 'nvme', rm: true, hotplug: true, subsystems: 'block:nvme:pci' }),
  ),
  backupDisk: machine(
    disk('sdc', 2_000_398_934_016, {
      ...usb,
      rm: false,
      model: 'My Passport 25E2',
      children: [part('sdc1', 2_000_397_795_328, null, { fstype: 'ntfs', label: 'Backup' })],
    }),
  ),
  encryptedUsbSystem: machine(
    disk('sda', 128_035_676_160, {
      ...usb,
      children: [
        part('sda1', 128_034_627_584, null, {
          fstype: 'crypto_LUKS',
          children: [
            disk('luks-1', 128_030_000_000, {
              type: 'crypt',
              children: [disk('vg-root', 128_000_000_000, { type: 'lvm', mountpoints: ['/'] })],
            }),
          ],
        }),
      ],
    }),
  ),
  raidOnSticks: machine(
    disk('sda', card, {
      ...usb,
      fstype: 'linux_raid_member',
      children: [disk('md0', card, { type: 'raid1', mountpoints: ['/var/lib/docker'] })],
    }),
  ),
  swapOnStick: machine(disk('sda', card, { ...usb, children: [part('sda1', card, '[SWAP]')] })),
  homeOnWholeStick: machine(disk('sda', card, { ...usb, fstype: 'ext4', mountpoints: ['/home'] })),
  /** Before 2.33 numbers and flags are text, before 2.37 there is one mount point of each. */
  oldLsblk: machine({
    name: 'sda',
    kname: 'sda',
    path: '/dev/sda',
    type: 'disk',
    ro: '0',
    rm: '1',
    hotplug: '1',
    size: String(card),
    mountpoint: null,
    children: [{ name: 'sda1', kname: 'sda1', path: '/dev/sda1', type: 'part', size: '1', mountpoint: '/' }],
  }),
  nearlySystemFolders: machine(
    disk('sdb', card, {
      ...usb,
      children: [part('sdb1', 1e9, '/variety'), part('sdb2', 1e9, '/mnt/usr')],
    }),
  ),
  loops: machine(
    disk('loop0', 77_594_624, { type: 'loop', ro: true, mountpoints: ['/snap/core22/1621'] }),
    disk('loop7', 8_589_934_592, { type: 'loop' }),
  ),
};

export const builtInCards = new Map<string, SlotDevice>([
  ['mmcblk0', { type: 'MMC', name: 'DF4064' }],
  ['mmcblk0boot0', { type: 'MMC', name: 'DF4064' }],
  ['mmcblk1', { type: 'SD', name: 'SC32G' }],
]);
