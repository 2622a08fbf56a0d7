import { execFileSync, spawnSync } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { removeFolder } from './remove-folder.ts';

const programs = ['sfdisk', 'mkfs.vfat', 'fsck.vfat', 'mcopy', 'mdir', 'mkfs.ext4'];

/** Is what makes and checks images here (fdisk, dosfstools, mtools, e2fsprogs)? In CI it must be, so there nothing is skipped. */
export const canMakePiImages =
  process.env.CI !== undefined ||
  programs.every((program) => spawnSync('which', [program], { env: withSystemPrograms() }).status === 0);

const mib = 1024 * 1024;
/** As pi-gen lays its images out, but for 1 MiB instead of 8 of alignment. */
export const bootOffset = mib;
/** FAT32 begins at 65 525 clusters (Microsoft's FAT specification, section 3.5), here of 512 bytes each. */
const bootBytes = { fat32: 36 * mib, fat16: 16 * mib };

export interface PiImageOptions {
  readonly release: 'bookworm' | 'trixie';
  /** A new file is made in it. */
  readonly folder: string;
  /** Default `fat32`; `none` leaves the boot partition out, in `noise` is no file system. */
  readonly boot?: 'fat32' | 'fat16' | 'none' | 'noise';
  /** Of the root partition's file system; default 4 MiB, 0 leaves the partition out. */
  readonly rootBytes?: number;
  /** What is in that file system; a few files of no use unless told. */
  readonly rootFolder?: string;
  /** Leaves so much room only in the boot partition; a multiple of its clusters of 512 bytes (2048 in FAT16). */
  readonly bootFreeBytes?: number;
  /** Beside the usual files of the boot partition, or in their place. */
  readonly bootFiles?: Readonly<Record<string, string | Uint8Array>>;
  readonly withoutBootFiles?: readonly string[];
}

/**
 * A small image (41 MiB, or 21 with FAT16) with the partitions and boot files of Raspberry Pi OS Lite, whose programs are
 * noise. It is made once in a process: the same options give the same bytes.
 */
export function makePiImage(options: PiImageOptions): string {
  const { folder, ...contents } = options;
  const key = JSON.stringify(contents, (_, value) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
  copies += 1;
  const path = join(folder, `${options.release}-${copies}.img`);
  const known = made.get(key);
  if (known !== undefined) restore(known, path);
  else {
    writePiImage(path, contents);
    made.set(key, remember(path));
  }
  return path;
}

/** Of an image most is zero; what is not is kept in memory, where it goes with the process, however that ends. */
interface Remembered {
  readonly length: number;
  readonly pieces: readonly { readonly at: number; readonly data: Buffer }[];
}

const made = new Map<string, Remembered>();
let copies = 0;

function remember(path: string): Remembered {
  const image = readFileSync(path);
  const pieceBytes = 64 * 1024;
  const zero = Buffer.alloc(pieceBytes);
  const pieces = Array.from({ length: Math.ceil(image.length / pieceBytes) }, (_, index) => ({
    at: index * pieceBytes,
    data: image.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  }))
    .filter(({ data }) => !data.equals(zero.subarray(0, data.length)))
    .map(({ at, data }) => ({ at, data: Buffer.from(data) }));
  return { length: image.length, pieces };
}

function restore({ length, pieces }: Remembered, path: string): void {
  const file = openSync(path, 'w');
  ftruncateSync(file, length);
  for (const { at, data } of pieces) writeSync(file, data, 0, data.length, at);
  closeSync(file);
}

/** The same into a certain file; it is not kept in memory, so it may be large. */
export function writePiImage(path: string, options: Omit<PiImageOptions, 'folder'>): void {
  const { boot = 'fat32', rootBytes = 4 * mib, rootFolder } = options;
  const work = mkdtempSync(join(tmpdir(), 'bramble-image-'));
  try {
    const bootLength = boot === 'fat16' ? bootBytes.fat16 : bootBytes.fat32;
    const rootOffset = bootOffset + bootLength;
    writeFileSync(path, '');
    truncateSync(path, rootOffset + rootBytes);
    run('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', path], {
      input: partitions(boot, bootLength, rootOffset, rootBytes),
    });
    if (boot === 'fat32' || boot === 'fat16') makeBoot(path, work, bootLength, { ...options, boot });
    if (boot === 'noise') overwrite(path, noise('boot', 64 * 1024), bootOffset);
    if (rootBytes > 0)
      makeRoot(path, rootFolder ?? exampleRoot(work), { offset: rootOffset, length: rootBytes });
  } finally {
    removeFolder(work);
  }
}

const labelId = '4e639091';

function partitions(boot: PiImageOptions['boot'], bootLength: number, rootOffset: number, rootBytes: number) {
  const sector = 512;
  return [
    `label: dos\nlabel-id: 0x${labelId}\n`,
    ...(boot === 'none'
      ? []
      : [`start=${bootOffset / sector}, size=${bootLength / sector}, type=${boot === 'fat16' ? 'e' : 'c'}`]),
    ...(rootBytes === 0 ? [] : [`start=${rootOffset / sector}, size=${rootBytes / sector}, type=83`]),
    '',
  ].join('\n');
}

function makeBoot(path: string, work: string, length: number, options: Omit<PiImageOptions, 'folder'>): void {
  const fat = options.boot === 'fat16' ? ['-F', '16', '-s', '4'] : ['-F', '32', '-s', '1'];
  run('mkfs.vfat', [
    ...[...fat, '-n', 'bootfs', '-i', '4E639090', '--invariant', '--offset', String(bootOffset / 512)],
    ...[path, String(length / 1024)],
  ]);
  const folder = join(work, 'boot');
  const files = { ...bootFiles(options.release), ...options.bootFiles };
  for (const left of options.withoutBootFiles ?? []) delete files[left];
  writeTree(folder, files);
  run('mcopy', [
    '-i',
    `${path}@@${bootOffset}`,
    '-s',
    '-Q',
    ...topLevel(files).map((name) => join(folder, name)),
    '::',
  ]);
  if (options.bootFreeBytes !== undefined) fill(path, work, options.bootFreeBytes);
}

function fill(path: string, work: string, leave: number): void {
  const boot = `${path}@@${bootOffset}`;
  const filler = join(work, 'filler.bin');
  const put = (bytes: number) => {
    writeFileSync(filler, noise('filler', bytes));
    run('mcopy', ['-i', boot, '-o', filler, '::']);
  };
  // Its folder may have to grow for it, so it is there before the room is counted.
  put(0);
  const free = /([\d ]+) bytes free/.exec(run('mdir', ['-i', boot, '::']))?.[1];
  put(Number(free?.replaceAll(' ', '')) - leave);
}

/** `/etc/fstab` of an image that was made here. */
export const fstab = `PARTUUID=${labelId}-01 /boot/firmware vfat defaults 0 2\nPARTUUID=${labelId}-02 / ext4 defaults,noatime 0 1\n`;

function exampleRoot(work: string): string {
  const folder = join(work, 'root');
  writeTree(folder, {
    'etc/hostname': 'raspberrypi\n',
    'etc/fstab': fstab,
    'usr/bin/program': noise('program', 512 * 1024),
  });
  return folder;
}

function makeRoot(
  path: string,
  folder: string,
  { offset, length }: { readonly offset: number; readonly length: number },
): void {
  run('mkfs.ext4', [
    ...['-q', '-F', '-L', 'rootfs', '-U', '4e639090-0000-4000-8000-000000000002', '-d', folder],
    ...['-E', `offset=${offset},root_owner=0:0`, path, `${length / 1024}k`],
  ]);
}

/** What pi-gen leaves on the boot partition, with the same settings. */
function bootFiles(release: PiImageOptions['release']): Record<string, string | Uint8Array> {
  const root = `root=PARTUUID=${labelId}-02 rootfstype=ext4 fsck.repair=yes rootwait`;
  const isTrixie = release === 'trixie';
  return {
    'cmdline.txt': `console=serial0,115200 console=tty1 ${root} ${isTrixie ? 'resize' : 'quiet init=/usr/lib/raspberrypi-sys-mods/firstboot'}\n`,
    'config.txt': configTxt,
    'issue.txt': `Raspberry Pi reference ${isTrixie ? '2025-10-01' : '2024-11-19'}\nGenerated using pi-gen, https://github.com/RPi-Distro/pi-gen, ${'0'.repeat(40)}, stage2\n`,
    'LICENCE.broadcom': noise('licence', 1594),
    'bcm2711-rpi-4-b.dtb': noise('bcm2711', 55_000),
    'fixup4.dat': noise('fixup4', 5_448),
    initramfs8: noise('initramfs8', 1_200_000),
    'kernel8.img': noise('kernel8', 2_000_000),
    'start4.elf': noise('start4', 500_000),
    ...Object.fromEntries(overlays.map((name) => [`overlays/${name}`, noise(name, 600 + 37 * name.length)])),
    ...(isTrixie ? cloudInitFiles : {}),
  };
}

const configTxt = [
  '# Settings of the firmware, see http://rptl.io/configtxt',
  '',
  '# Hardware interfaces, off until their line is uncommented',
  ...['#dtparam=i2c_arm=on', '#dtparam=i2s=on', '#dtparam=spi=on', ''],
  ...['# Sound', 'dtparam=audio=on', ''],
  ...['# Cameras and displays that are found', 'camera_auto_detect=1', 'display_auto_detect=1', ''],
  ...['auto_initramfs=1', '', 'dtoverlay=vc4-kms-v3d', 'max_framebuffers=2', 'disable_fw_kms_setup=1', ''],
  ...['arm_64bit=1', 'disable_overscan=1', 'arm_boost=1', ''],
  ...['[cm4]', 'otg_mode=1', '', '[cm5]', 'dtoverlay=dwc2,dr_mode=host', '', '[all]', ''],
].join('\n');

/** More than one cluster of a folder holds, and with names that need long entries. */
const overlays = [
  ...[
    'README',
    'overlay_map.dtb',
    'w1-gpio.dtbo',
    'w1-gpio-pi5.dtbo',
    'dht11.dtbo',
    'i2c-sensor.dtbo',
    'disable-wifi.dtbo',
  ],
  ...Array.from({ length: 40 }, (_, i) => `some-other-hardware-${i + 1}.dtbo`),
];

const cloudInitFiles = {
  'meta-data': '# Read by cloud-init\ndsmode: local\ninstance_id: rpios-image\n',
  'user-data': '#cloud-config\n# Nothing is set\n#hostname: raspberrypi\n',
  'network-config': '# Read by cloud-init\n#network:\n#  version: 2\n',
};

/** Writes files into a folder, by their paths in it. */
export function writeTree(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

function topLevel(files: Readonly<Record<string, unknown>>): string[] {
  return [...new Set(Object.keys(files).map((path) => path.split('/', 1)[0] ?? path))];
}

/** Bytes that nothing can compress, the same for the same name. */
function noise(name: string, length: number): Uint8Array {
  const key = createHash('sha256').update(name).digest().subarray(0, 16);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

function overwrite(path: string, content: Uint8Array, offset: number): void {
  const file = openSync(path, 'r+');
  writeSync(file, content, 0, content.length, offset);
  closeSync(file);
}

/** Runs one of the programs that make or check images, some of which are on the path of root only. Returns what it said. */
export function run(
  program: string,
  args: readonly string[],
  options: { readonly input?: string } = {},
): string {
  return execFileSync(program, args, {
    ...options,
    encoding: 'utf8',
    stdio: 'pipe',
    // mtools takes names as UTF-8 by the locale only, and Debian's minimal system has no other than this.
    env: { ...withSystemPrograms(), LC_ALL: 'C.UTF-8' },
  });
}

function withSystemPrograms(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
}
