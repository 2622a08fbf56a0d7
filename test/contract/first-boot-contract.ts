import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { askNode, type Login, sshOptions } from '../support/boot/ask-node.ts';
import { type Board, powerOn } from '../support/boot/board.ts';
import { bootableImage, whyNoBoot } from '../support/boot/bootable-image.ts';
import type { Release } from '../support/boot/raspberry-pi-os.ts';
import { runBuiltCli } from '../support/built-cli.ts';
import { freePort } from '../support/ports.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { until } from '../support/wait.ts';

const run = promisify(execFile);

/** On a quiet machine it takes one minute or two, and one more where an image has to be made. */
const bootMs = 900_000;

/** What one login asks of the node: after the first boot, and again after a restart. */
const questions = {
  cloudInit:
    "cloud-init --version >/dev/null && cloud-init status --wait --long | grep -E '^(status|errors|recoverable_errors):'",
  failedUnits: 'systemctl list-units --failed --plain --no-legend',
  hostName: 'hostname',
  ownNames: "getent hosts 127.0.1.1 | tr -s ' '",
  user: 'id -un',
  groups: 'id -nG',
  home: 'pwd; stat -c "%a %U:%G" ~/.ssh ~/.ssh/authorized_keys; cat ~/.ssh/authorized_keys',
  sudo: 'sudo -n id -un',
  password: 'sudo getent shadow ada | cut -d: -f2 | cut -c1-3',
  sshd: "sudo sshd -T | grep -E '^(passwordauthentication|kbdinteractiveauthentication|hostkey) ' | sort",
  hostKeyFiles: 'ls /etc/ssh/ssh_host_*',
  network:
    "ip -4 -brief address show eth0 | tr -s ' '; ip route show default | cut -d' ' -f1-5; cat /etc/resolv.conf",
  timeZone: 'date +%z; cat /etc/timezone',
  language: 'cat /etc/default/locale; grep XKBLAYOUT /etc/default/keyboard',
  watchdog: 'systemctl show --property RuntimeWatchdogUSec --value',
  commandLine: 'cat /proc/cmdline',
  marker: 'cat /etc/bramble/flash-id',
  failures: 'cat /etc/bramble/first-boot-failures',
  bootFiles: 'cat /boot/firmware/cmdline.txt; ls /boot/firmware',
  // Not literally what is looked for, because sudo writes its command line into the journal.
  secrets: `sudo sh -c 'grep -rlE -e "OPENSSH PRIVATE KE[Y]" -e "[$]6[$]rounds=" /boot/firmware /etc /var/lib /var/log /home'`,
  start: 'cat /proc/sys/kernel/random/boot_id',
};
type Answers = Readonly<Record<keyof typeof questions, string>>;

export interface FirstBootTraits {
  /** How often the board starts until it is the node. */
  readonly starts: number;
  readonly hasCloudInit: boolean;
}

/** What every release of Raspberry Pi OS is after its first boot from a card that `bramble flash` made, on an emulated board. */
export function firstBootContract(release: Release, { starts, hasCloudInit }: FirstBootTraits): void {
  const why = whyNoBoot();
  describe.skipIf(why !== '')(`a card with ${release} that bramble flash made${why}`, () => {
    let folder: string;
    let key: string;
    let login: Login;
    let board: Board;
    let flashId: unknown;
    let firstStarts: number;
    let node: Answers;
    const undo: (() => Promise<void> | void)[] = [];

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'bramble-boot-'));
      undo.push(() => removeFolder(folder));
      key = join(folder, 'key');
      const card = join(folder, 'hall-01.img');
      const sshPort = await freePort();
      login = { user: 'ada', port: sshPort, key, knownHosts: join(folder, '.bramble/known_hosts') };
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'ada@laptop', '-f', key]);
      writeFileSync(join(folder, 'bramble.yaml'), stringify(project(await bootableImage(release), sshPort)));
      const { exit, stdout, stderr } = await runBuiltCli(['flash', '--to', card, '--json'], {
        cwd: folder,
        env: { BRAMBLE_USER_PASSWORD: 'correct horse battery staple' },
      });
      expect(exit, stderr).toBe(0);
      flashId = flashIdIn(stdout);
      board = powerOn({ card, sshPort, address: '10.0.2.77' });
      undo.push(() => board.stop());
      await board.waitForSsh(bootMs);
      firstStarts = board.starts();
      node = await askNode(login, questions);
    }, 2 * bootMs);

    afterAll(async () => {
      for (const one of undo.reverse()) await one();
    });

    it('lets the user in by SSH at the first try, with the pinned host key and the user’s own', () => {
      expect(node).toMatchObject({ hostName: 'hall-01', user: 'ada', sudo: 'root' });
      const publicKey = readFileSync(`${key}.pub`, 'utf8').trim();
      expect(node.home).toBe(`/home/ada\n700 ada:ada\n600 ada:ada\n${publicKey}`);
    });

    it('says which flash it booted from, and that all went well', () => {
      expect(node).toMatchObject({ marker: flashId, failures: '', failedUnits: '' });
      expect(firstStarts).toBe(starts);
      if (hasCloudInit) expect(node.cloudInit).toBe('status: done\nerrors: []\nrecoverable_errors: {}');
    });

    it('has its names, time zone, language and watchdog', () => {
      expect(node.ownNames).toMatch(/^127\.0\.1\.1 (hall-01\.local )?hall-01$/);
      expect(node).toMatchObject({ timeZone: '+0900\nAsia/Tokyo', watchdog: '15s' });
      expect(node.language).toBe('LANG=en_GB.UTF-8\nXKBLAYOUT="jp"');
    });

    it('has its fixed address', () => {
      expect(node.network.split('\n').filter((line) => !line.startsWith('#'))).toEqual([
        expect.stringMatching(/^eth0 UP 10\.0\.2\.77\/24( |$)/),
        'default via 10.0.2.2 dev eth0',
        'nameserver 10.0.2.3',
      ]);
    });

    it('keeps the groups that reach pins and sensors', () => {
      expect(node.groups.split(' ')).toEqual(expect.arrayContaining(['ada', 'sudo', 'dialout', 'plugdev']));
    });

    it('takes no password by SSH, and has the one for sudo as a hash', async () => {
      const passwordOnly = ['-o', 'PubkeyAuthentication=no', ...sshOptions(login), 'ada@127.0.0.1', 'true'];
      await expect(run('ssh', passwordOnly)).rejects.toThrow('Permission denied (publickey)');
      expect(node.password).toBe('$6$');
      expect(node.sshd).toBe(
        'hostkey /etc/ssh/ssh_host_ed25519_key\nkbdinteractiveauthentication no\npasswordauthentication no',
      );
    });

    it('shows the pinned host key and no other', async () => {
      const others = ['-o', 'HostKeyAlgorithms=-ssh-ed25519*', ...sshOptions(login), 'ada@127.0.0.1', 'true'];
      await expect(run('ssh', others)).rejects.toThrow(/Their offer: ssh-ed25519\s*$/);
      expect(node.hostKeyFiles.split('\n')).toEqual([
        '/etc/ssh/ssh_host_ed25519_key',
        '/etc/ssh/ssh_host_ed25519_key.pub',
      ]);
    });

    it('was told by its kernel’s command line to limit memory, and no longer to set itself up', () => {
      expect(node.commandLine).toContain(' cgroup_enable=memory');
      expect(node.bootFiles).toContain(' cgroup_enable=memory');
      expect(node.commandLine + node.bootFiles).not.toMatch(/systemd\.run|init=|bramble-first-boot/);
    });

    it('has its secrets where only root reads them', () => {
      const places = node.secrets.split('\n').filter((path) => path !== '/etc/shadow-');
      expect(places.toSorted()).toEqual(['/etc/shadow', '/etc/ssh/ssh_host_ed25519_key']);
    });

    it('is the same after a restart', { timeout: 2 * bootMs }, async () => {
      // The connection may end before the command does.
      await askNode(login, { restart: 'sudo systemctl reboot' }).catch(() => {});
      await until('the board to restart', () => board.starts() > firstStarts, bootMs);
      await board.waitForSsh(bootMs);
      const { start, ...rest } = await askNode(login, questions);
      const { start: firstStart, ...first } = node;
      expect(start).not.toBe(firstStart);
      expect(rest).toEqual(first);
    });
  });
}

function project(image: string, sshPort: number): object {
  return {
    cluster: {
      image,
      user: { name: 'ada', authorizedKeys: ['key.pub'], hasPassword: true },
      timeZone: 'Asia/Tokyo',
      keymap: 'jp',
      network: { gateway: '10.0.2.2', dns: ['10.0.2.3'] },
      ssh: { port: sshPort },
      nodes: [
        {
          name: 'hall-01',
          role: 'manager',
          host: '127.0.0.1',
          address: '10.0.2.77/24',
          hardware: ['ds18b20'],
        },
      ],
    },
  };
}

/** What `bramble flash --json` says in its line about the node. */
function flashIdIn(output: string): unknown {
  const events = output
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  const flashed = events.find(
    (event): event is { readonly flashId: unknown } =>
      typeof event === 'object' && event !== null && 'flashId' in event,
  );
  return flashed?.flashId;
}
