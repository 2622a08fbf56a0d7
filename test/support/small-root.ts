import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { duringTest } from './during-test.ts';

/** Debian's own, so that files get the rights and owners that they would get on a Pi. */
const programs = [
  ...[
    'sh',
    'cat',
    'chmod',
    'chown',
    'chpasswd',
    'cut',
    'dirname',
    'getent',
    'grep',
    'groupmod',
    'id',
    'install',
  ],
  ...['ln', 'mkdir', 'rm', 'sed', 'shred', 'useradd', 'usermod'],
];
/** Those that need a running system, or take long; they write down how they were called. */
const recorded = ['systemctl', 'locale-gen', 'update-locale', 'setupcon', 'raspi-config', 'rfkill', 'sync'];

/** Only root may change its root. In CI it must, so there nothing is skipped. */
export const canMakeSmallRoot = process.env.CI !== undefined || process.getuid?.() === 0;

/** What a path of a small root is: mode, owner's and group's numbers, and a file's content. */
export interface SmallFile {
  readonly mode: string;
  readonly owner: string;
  readonly text: string;
}

export interface SmallRoot {
  readonly folder: string;
  write(path: string, text: string, mode?: number): void;
  file(path: string): SmallFile;
  has(path: string): boolean;
  /** Paths of all files that have this text. */
  withText(text: string): string[];
  /** Throws when the command fails. */
  run(...command: string[]): void;
  /** `systemctl enable ssh.service`, in the order of the calls. */
  calls(): string[];
}

/** As much of a freshly flashed Raspberry Pi OS as a script of ours touches, in a folder that goes with the running test. */
export function makeSmallRoot(): SmallRoot {
  const root = openRoot(duringTest.folder());
  for (const [from, to] of filesOfPrograms()) copy(from, join(root.folder, to));
  for (const program of recorded)
    root.write(`/usr/bin/${program}`, `#!/bin/sh\nprintf '%s\\n' "${program} $*" >>/calls\n`, 0o755);
  for (const [path, text] of Object.entries(files)) root.write(path, text);
  chmodSync(join(root.folder, 'etc/shadow'), 0o640);
  return root;
}

const home = '/home/pi';
const files: Readonly<Record<string, string>> = {
  '/dev/null': '',
  '/proc/.keep': '',
  [`${home}/.bashrc`]: '',
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\npi:x:1000:1000:,,,:/home/pi:/bin/sh\n',
  '/etc/group': 'root:x:0:\nsudo:x:27:pi\ngpio:x:993:pi\npi:x:1000:\n',
  '/etc/shadow': 'root:*:19000:0:99999:7:::\npi:!:19000:0:99999:7:::\n',
  '/etc/gshadow': 'root:*::\nsudo:*::pi\ngpio:!::pi\npi:!::\n',
  '/etc/hostname': 'raspberrypi\n',
  '/etc/hosts': '127.0.0.1\tlocalhost\n::1\tlocalhost\n\n127.0.1.1\traspberrypi\n',
  '/etc/locale.gen': '# de_DE.UTF-8 UTF-8\n# en_GB.UTF-8 UTF-8\n',
  '/etc/ssh/ssh_host_ed25519_key': 'the image’s own\n',
  '/etc/ssh/ssh_host_rsa_key': 'the image’s own\n',
  '/usr/share/zoneinfo/Europe/Berlin': 'TZif2',
  '/var/lib/systemd/rfkill/platform-fe300000.mmcnr:wlan': '1\n',
};

function openRoot(folder: string): SmallRoot {
  const place = (path: string) => join(folder, path);
  return {
    folder,
    write(path, text, mode = 0o644) {
      mkdirSync(dirname(place(path)), { recursive: true });
      writeFileSync(place(path), text);
      chmodSync(place(path), mode);
    },
    file(path) {
      const found = statSync(place(path));
      return {
        mode: (found.mode & 0o7777).toString(8),
        owner: `${found.uid}:${found.gid}`,
        text: found.isFile() ? readFileSync(place(path), 'utf8') : '',
      };
    },
    has: (path) => existsSync(place(path)),
    withText: (text) =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((path) => readFileSync(path).includes(text))
        .map((path) => path.slice(folder.length)),
    run(...command) {
      execFileSync('chroot', [folder, ...command], { stdio: 'pipe', timeout: 60_000 });
    },
    calls: () =>
      existsSync(place('/calls'))
        ? readFileSync(place('/calls'), 'utf8')
            .split('\n')
            .map((line) => line.trim())
        : [],
  };
}

let known: ReadonlyMap<string, string> | undefined;

/** The programs with the libraries that they are linked with: from where on this machine, to where in the root. */
function filesOfPrograms(): ReadonlyMap<string, string> {
  known ??= new Map(programs.flatMap(filesOf));
  return known;
}

function filesOf(program: string): [from: string, to: string][] {
  const path = realpathSync(execFileSync('which', [program], { encoding: 'utf8', env: systemPath }).trim());
  const linked = execFileSync('ldd', [path], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g);
  return [
    [path, program === 'sh' ? '/bin/sh' : `/usr/bin/${program}`],
    ...[...linked].map(([, library = '']): [string, string] => [library, library]),
  ];
}

const systemPath = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}
