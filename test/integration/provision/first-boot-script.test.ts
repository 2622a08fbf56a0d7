import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { FirstBoot } from '../../../provision/customise/boot-files.ts';
import { customise } from '../../../provision/customise/customise.ts';
import { sshdConfig, watchdogConfig } from '../../../provision/customise/first-boot-script.ts';
import { renderKeyfile } from '../../../provision/customise/keyfile.ts';
import type { NodeSetup } from '../../../provision/customise/node-setup.ts';
import { exampleHash, exampleNodes, examplePsk, nodeSetup, presentFiles } from '../../support/node-setup.ts';
import { canMakeSmallRoot, makeSmallRoot, type SmallRoot } from '../../support/small-root.ts';

const script = '/boot/firmware/bramble-first-boot.sh';
const home = '/home/ada';
const hostKeyText = exampleNodes.plain.hostKey.privateKey.split('\n')[1] ?? '';

/** A root on which a card of this node was flashed. */
function flash(release: FirstBoot, node: NodeSetup): SmallRoot {
  const root = makeSmallRoot();
  for (const { path, content } of customise(release, node, presentFiles[release]))
    root.write(`/boot/firmware/${path}`, content, 0o755);
  return root;
}

describe.skipIf(!canMakeSmallRoot)('the first boot of Bookworm (needs to be root, for chroot)', () => {
  it('makes the system the node, with every file for those only who may read it', () => {
    const node = exampleNodes.wifi;
    const root = flash('bookworm', node);
    root.run('/bin/sh', script);
    expect(root.file('/etc/bramble/first-boot-failures').text).toBe('');
    expect(root.file('/etc/bramble/flash-id')).toEqual({ mode: '644', owner: '0:0', text: 'flash-0001\n' });
    expect(root.file('/etc/hostname').text).toBe('pi-01\n');
    expect(root.file('/etc/hosts').text).toBe('127.0.0.1\tlocalhost\n::1\tlocalhost\n\n127.0.1.1\tpi-01\n');
    expect(root.file('/etc/ssh/sshd_config.d/10-bramble.conf')).toMatchObject({
      mode: '644',
      text: sshdConfig,
    });
    expect(root.file('/etc/timezone').text).toBe('Europe/Berlin\n');
    expect(root.file('/etc/default/keyboard').text).toContain('XKBLAYOUT="gb"\n');
    expect(root.file('/etc/locale.gen').text).toBe('# de_DE.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n');
    expect(root.file('/etc/systemd/system.conf.d/90-bramble-watchdog.conf').text).toBe(watchdogConfig);
    expect(root.file('/etc/NetworkManager/system-connections/bramble.nmconnection')).toEqual({
      mode: '600',
      owner: '0:0',
      text: renderKeyfile(node),
    });
    expect(root.file('/var/lib/systemd/rfkill/platform-fe300000.mmcnr:wlan').text).toBe('0\n');
    expect(root.calls()).toEqual(
      expect.arrayContaining([
        'systemctl enable ssh.service',
        'locale-gen',
        'update-locale LANG=en_GB.UTF-8',
      ]),
    );
  });

  it('puts the pinned host key in the place of all others', () => {
    const node = nodeSetup();
    const root = flash('bookworm', node);
    root.run('/bin/sh', script);
    expect(root.file('/etc/ssh/ssh_host_ed25519_key')).toEqual({
      mode: '600',
      owner: '0:0',
      text: node.hostKey.privateKey,
    });
    expect(root.file('/etc/ssh/ssh_host_ed25519_key.pub')).toMatchObject({
      mode: '644',
      text: `${node.hostKey.publicKey}\n`,
    });
    expect(root.has('/etc/ssh/ssh_host_rsa_key')).toBe(false);
  });

  it('renames the image’s user, who keeps number, groups and files', () => {
    const root = flash('bookworm', exampleNodes.wifi);
    root.run('/bin/sh', script);
    expect(root.file('/etc/passwd').text).toContain('ada:x:1000:1000:,,,:/home/ada:/bin/sh\n');
    expect(root.file('/etc/group').text).toBe('root:x:0:\nsudo:x:27:ada\ngpio:x:993:ada\nada:x:1000:\n');
    expect(root.file('/etc/shadow').text).toContain(`ada:${exampleHash}:`);
    expect(root.has(`${home}/.bashrc`)).toBe(true);
    expect(root.file(`${home}/.ssh`)).toMatchObject({ mode: '700', owner: '1000:1000' });
    expect(root.file(`${home}/.ssh/authorized_keys`)).toEqual({
      mode: '600',
      owner: '1000:1000',
      text: exampleNodes.wifi.user.authorizedKeys.map((key) => `${key}\n`).join(''),
    });
    expect(root.file('/etc/sudoers.d/010-bramble')).toEqual({
      mode: '440',
      owner: '0:0',
      text: 'ada ALL=(ALL) NOPASSWD: ALL\n',
    });
  });

  it('leaves a user without a password one that nobody can type', () => {
    const root = flash('bookworm', nodeSetup());
    root.run('/bin/sh', script);
    expect(root.file('/etc/shadow').text).toContain('ada:!:');
  });

  it('lets the image’s own tool rename the user, where there is one', () => {
    const root = flash('bookworm', nodeSetup());
    const tool = '/usr/lib/userconf-pi/userconf';
    root.write(tool, '#!/bin/sh\nprintf "%s\\n" "userconf $*" >>/calls\nusermod -l "$1" pi\nexit 1\n', 0o755);
    root.run('/bin/sh', script);
    expect(root.calls()).toContain('userconf ada !');
    // It did no more than that, and so nothing else moved the home folder.
    expect(root.file('/etc/passwd').text).toContain('ada:x:1000:1000:,,,:/home/pi:/bin/sh\n');
    expect(root.file('/etc/bramble/first-boot-failures').text).toBe('');
  });

  it('makes a user where the image has none', () => {
    const root = flash('bookworm', nodeSetup());
    for (const file of ['passwd', 'group', 'shadow', 'gshadow']) {
      const lines = root.file(`/etc/${file}`).text.split('\n');
      root.write(
        `/etc/${file}`,
        lines
          .filter((line) => !line.startsWith('pi:'))
          .join('\n')
          .replaceAll(':pi', ':'),
      );
    }
    root.run('/bin/sh', script);
    expect(root.file('/etc/passwd').text).toMatch(/^ada:x:\d+:\d+::\/home\/ada:\/bin\/bash$/m);
    expect(root.file('/etc/group').text).toContain('sudo:x:27:ada\n');
    expect(root.file(`${home}/.ssh/authorized_keys`).text).toContain('ada@laptop');
  });

  it('leaves nothing on the boot partition but the parameters that stay', () => {
    const root = flash('bookworm', exampleNodes.wifi);
    root.run('/bin/sh', script);
    expect(root.has(script)).toBe(false);
    expect(root.file('/boot/firmware/cmdline.txt').text).toBe(
      presentFiles.bookworm.cmdline.replace(
        '\n',
        ' cgroup_enable=memory cgroup_memory=1 cfg80211.ieee80211_regdom=NO\n',
      ),
    );
    expect(root.withText(hostKeyText)).toEqual(['/etc/ssh/ssh_host_ed25519_key']);
    expect(root.withText(examplePsk)).toEqual([
      '/etc/NetworkManager/system-connections/bramble.nmconnection',
    ]);
    expect(root.withText(exampleHash)).toEqual(['/etc/shadow']);
  });

  it('does the rest although a step fails, and tells which one it was', () => {
    const root = flash('bookworm', nodeSetup());
    root.write('/usr/bin/locale-gen', '#!/bin/sh\nexit 1\n', 0o755);
    root.write('/usr/bin/chpasswd', '#!/bin/sh\nexit 1\n', 0o755);
    root.run('/bin/sh', script);
    expect(root.file('/etc/bramble/first-boot-failures').text).toBe('set_user\nset_locale\n');
    expect(root.file('/etc/hostname').text).toBe('pi-01\n');
    expect(root.has(script)).toBe(false);
  });

  it('ends the same when it was cut short and runs once more', () => {
    const root = flash('bookworm', exampleNodes.static);
    const again = root.file(script).text;
    root.run('/bin/sh', script);
    const look = () =>
      ['hosts', 'passwd', 'group', 'locale.gen', 'sudoers.d/010-bramble', 'bramble/first-boot-failures'].map(
        (file) => root.file(`/etc/${file}`),
      );
    const first = look();
    root.write(script, again, 0o755);
    root.run('/bin/sh', script);
    expect(look()).toEqual(first);
  });
});

describe.skipIf(!canMakeSmallRoot)('the first boot of Trixie (needs to be root, for chroot)', () => {
  const firstBoot = '/etc/bramble/first-boot.sh';

  /** With cloud-init's copies, and the script where it puts it. */
  function boot(node: NodeSetup, prepare: (root: SmallRoot) => void = () => {}): SmallRoot {
    const root = flash('trixie', node);
    prepare(root);
    const userData = root.file('/boot/firmware/user-data').text;
    const [written] = parse(userData).write_files.filter(({ path }: { path: string }) => path === firstBoot);
    root.write(firstBoot, written.content, Number.parseInt(written.permissions, 8));
    const copies = `/var/lib/cloud/instances/${node.flashId}`;
    for (const name of ['user-data.txt', 'user-data.txt.i', 'cloud-config.txt', 'obj.pkl'])
      root.write(`${copies}/${name}`, userData);
    root.write(`${copies}/network-config.json`, root.file('/boot/firmware/network-config').text);
    root.write(`${copies}/sem/config_ssh`, '');
    root.run('sh', firstBoot);
    return root;
  }

  it('pins the host key, whatever other service made some before', () => {
    const node = nodeSetup();
    const root = boot(node);
    expect(root.file('/etc/ssh/ssh_host_ed25519_key')).toEqual({
      mode: '600',
      owner: '0:0',
      text: node.hostKey.privateKey,
    });
    expect(root.has('/etc/ssh/ssh_host_rsa_key')).toBe(false);
    expect(root.calls().slice(0, 2)).toEqual([
      'systemctl stop regenerate_ssh_host_keys.service',
      'systemctl disable regenerate_ssh_host_keys.service',
    ]);
    expect(root.file('/etc/bramble/flash-id').text).toBe('flash-0001\n');
    expect(root.file('/etc/bramble/first-boot-failures').text).toBe('');
  });

  it('takes the name that the image had out of /etc/hosts', () => {
    const node = nodeSetup();
    const root = boot(node, (fresh) => {
      const { text } = fresh.file('/etc/hosts');
      fresh.write('/etc/hosts', `${text}127.0.1.1\tpi-01.local\tpi-01\n`); // as cloud-init does
    });
    expect(root.file('/etc/hosts').text).toBe(
      '127.0.0.1\tlocalhost\n::1\tlocalhost\n\n127.0.1.1\tpi-01.local\tpi-01\n',
    );
  });

  it('leaves no secret on the boot partition or in cloud-init’s copies', () => {
    const root = boot(exampleNodes.wifi);
    expect(root.withText(hostKeyText)).toEqual(['/etc/ssh/ssh_host_ed25519_key']);
    expect(root.withText(examplePsk)).toEqual([]);
    expect(root.withText(exampleHash)).toEqual([]);
    expect(root.has(firstBoot)).toBe(false);
  });

  it('keeps what cloud-init needs to know the node again at the next boot', () => {
    const root = boot(exampleNodes.wifi);
    expect(root.file('/boot/firmware/user-data').text).toMatch(/^#cloud-config\nhostname: pi-01\n/);
    expect(root.file('/boot/firmware/meta-data').text).toContain('instance-id: flash-0001\n');
    expect(root.has('/var/lib/cloud/instances/flash-0001/sem/config_ssh')).toBe(true);
  });
});
