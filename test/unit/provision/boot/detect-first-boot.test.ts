import { expect, test } from 'vitest';
import { detectFirstBoot } from '../../../../provision/boot/detect-first-boot.ts';

const bookworm = {
  'cmdline.txt': 'console=tty1 rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\n',
  'config.txt': 'dtparam=audio=on\nauto_initramfs=1\n',
  'issue.txt': 'Raspberry Pi reference 2024-11-19\nGenerated using pi-gen, stage2\n',
};
const trixie = {
  ...bookworm,
  'cmdline.txt': 'console=tty1 rootwait resize\n',
  'user-data': '#cloud-config\n',
  'meta-data': 'instance_id: rpios-image\n',
};

test('knows Bookworm by the program that its kernel starts first', () => {
  expect(detectFirstBoot(partition(bookworm))).toBe('bookworm');
});

test('knows Trixie by the files of cloud-init, in whatever case FAT shows them', () => {
  const { 'user-data': userData, ...others } = trixie;
  expect(detectFirstBoot(partition(trixie))).toBe('trixie');
  expect(detectFirstBoot(partition({ ...others, 'USER-DATA': userData }))).toBe('trixie');
});

test.each([
  [
    'with half of the files of cloud-init',
    without(trixie, 'meta-data'),
    /neither user-data and meta-data \(Trixie\)/,
  ],
  [
    'that was started before',
    { ...bookworm, 'cmdline.txt': 'rootwait\n' },
    /issue\.txt says 'Raspberry Pi reference 2024-11-19'/,
  ],
  ['of nobody', { 'cmdline.txt': 'rootwait\n', 'config.txt': '' }, /nor an issue\.txt/],
  ['without cmdline.txt', without(bookworm, 'cmdline.txt'), /cmdline\.txt is missing/],
  ['without config.txt', without(trixie, 'config.txt'), /config\.txt is missing/],
  [
    'of Bullseye',
    { ...bookworm, 'config.txt': 'dtparam=audio=on\n#auto_initramfs=1\n' },
    /Bullseye or older/,
  ],
  [
    'of Buster',
    { ...bookworm, 'cmdline.txt': 'quiet init=/usr/lib/raspi-config/init_resize.sh\n' },
    /Bullseye or older/,
  ],
])('refuses to guess for a system %s', (_, files, message) => {
  const attempt = () => detectFirstBoot(partition(files));
  expect(attempt).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  expect(attempt).toThrow(message);
});

function without(files: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(files).filter(([key]) => key !== name));
}

function partition(files: Readonly<Record<string, string>>) {
  return {
    list: () => Object.keys(files),
    read: (path: string) => {
      const content = files[path];
      return content === undefined ? undefined : Buffer.from(content);
    },
  };
}
