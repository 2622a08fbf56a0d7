import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type HostKey, makeHostKey } from '../../../provision/customise/host-keys.ts';
import type { Lan } from '../docker/lan.ts';
import { processesBelow } from '../processes.ts';
import { thawUntil } from '../thaw.ts';
import { until } from '../wait.ts';
import { boot, clockOffsetFile, enter, pretendedDate } from './boot-scripts.ts';
import { type MachineCgroup, makeCgroup } from './cgroup.ts';
import { piHome } from './debian.ts';

const bootLimitMs = 60_000;
/** A hanging machine must not hang the test. */
const commandLimitMs = 180_000;
const maxBuffer = 64 * 1024 * 1024;
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface MachineOptions {
  readonly name: string;
  readonly index: number;
  readonly lan: Lan;
  /** Where all of it lies; not on an overlay file system. */
  readonly folder: string;
  /** Root file systems, the uppermost first; never written to. */
  readonly layers: readonly string[];
  /** Path → content of what first boot would have written. */
  readonly files: Readonly<Record<string, string>>;
  /** Arguments of systemd. */
  readonly bootArgs: readonly string[];
  /** What the firmware says it is. */
  readonly model: string;
  /** Where it finds `/sys/class` and `/sys/bus`; in its kernel unless told. */
  readonly mountNamespace?: string | undefined;
  /** How many processors it has, at most: 0.3 is less than a third of one of this machine's. */
  readonly processors?: number | undefined;
}

export interface ExecOptions {
  readonly stdin?: string;
}

/**
 * A Debian system with systemd as its first process, in namespaces of its own, over files that it shares with others until it
 * writes them. It reboots and powers off by its own `systemctl`, and ends with the test process, however that ends.
 */
export class Machine {
  readonly name: string;
  readonly address: string;
  #hostKey: HostKey;
  readonly #options: MachineOptions;
  #cgroup: MachineCgroup | undefined;
  #child: ChildProcess | undefined;
  /** Process id of its first process, as this machine counts. */
  #init: number | undefined;
  #isCut = false;
  /** Settles when a machine that went down by itself is up again, or off. */
  #restart: Promise<void> = Promise.resolve();

  constructor(options: MachineOptions) {
    this.#options = options;
    this.name = options.name;
    this.address = options.lan.addressOf(options.index);
    this.#hostKey = makeHostKey(options.name);
  }

  /** Its public half, as known-hosts files have it. */
  get hostKey(): string {
    return this.#hostKey.publicKey;
  }

  /** Its root, as a path of this machine: for looking into files, and for spoiling them. */
  get root(): string {
    return `/proc/${this.#pid()}/root`;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Power on; resolves when SSH answers. What was on its disk is there. */
  async start(): Promise<void> {
    await this.#restart;
    await this.#boot();
    await until(`${this.name} answers`, () => this.answers(), bootLimitMs);
  }

  /** Does its SSH server answer? */
  answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host: this.address, port: 22, timeout: 1000 });
      const end = (is: boolean) => {
        socket.destroy();
        resolve(is);
      };
      socket.once('data', (greeting) => end(greeting.toString().startsWith('SSH-')));
      socket.once('timeout', () => end(false));
      socket.once('error', () => end(false));
      socket.once('close', () => end(false));
    });
  }

  /** A power cut. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined) {
      const ended = once(child, 'exit');
      const all = child.pid === undefined ? [] : processesBelow(child.pid);
      // The kernel ends all others with the first process, and only then the one that waits for it.
      signalAll([this.#init ?? child.pid], 'SIGKILL');
      await thawUntil(all, ended);
    }
    await this.#restart;
    if (this.#child !== undefined) await this.kill();
    else await this.#unplug();
  }

  /** Power off, and a freshly flashed card put in; `renewHostKey` as flashing does it. It stays off. */
  async wipe({ renewHostKey = false } = {}): Promise<void> {
    await this.kill();
    if (renewHostKey) this.#hostKey = makeHostKey(this.name);
    for (const part of ['upper', 'docker']) await rm(this.#place(part), { recursive: true, force: true });
  }

  /** Pulls its network cable. */
  async cut(): Promise<void> {
    this.#isCut = true;
    await this.#options.lan.cut(this.#options.index);
  }

  async heal(): Promise<void> {
    this.#isCut = false;
    await this.#options.lan.heal(this.#options.index);
  }

  /** Stops every process, as a machine that hangs; the kernel goes on answering for open connections. */
  pause(): void {
    this.#signal('SIGSTOP');
    // Once more: some may have been born meanwhile.
    this.#signal('SIGSTOP');
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  /** Runs a command as its root, not over SSH: for the test's own eyes. Rejects if that fails. */
  exec(command: readonly string[], { stdin = '' }: ExecOptions = {}): Promise<string> {
    const inside = ['--all', `--target=${this.#pid()}`, '--wd=/', 'env', '-i', `PATH=${path}`, 'HOME=/root'];
    return new Promise((resolve, reject) => {
      const child = execFile(
        'nsenter',
        [...inside, ...command],
        { maxBuffer, timeout: commandLimitMs },
        (err, stdout) => (err === null ? resolve(stdout.trim()) : reject(err)),
      );
      child.stdin?.on('error', () => {}); // its exit status tells why it did not read
      child.stdin?.end(stdin);
    });
  }

  /** Runs the `docker` program of this machine against its Engine; rejects if that fails. */
  async docker(...args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(
      'docker',
      ['-H', `unix://${this.root}/run/docker.sock`, ...args],
      { maxBuffer, timeout: commandLimitMs, env: { ...process.env, DOCKER_BUILDKIT: '0' } },
    );
    return stdout.trim();
  }

  /** How far its clock is ahead, as its `date` tells. */
  async setClock(offsetMs: number): Promise<void> {
    await writeFile(`${this.root}${clockOffsetFile}`, String(offsetMs));
    await writeFile(`${this.root}/usr/local/bin/date`, pretendedDate, { mode: 0o755 });
  }

  /** All that was logged since it was flashed, sudo's commands among it. */
  async journal(): Promise<string> {
    await this.exec(['journalctl', '--sync']); // with what is on its way
    return this.exec(['journalctl', '--no-pager', '--quiet', '--output=short-precise']);
  }

  /** The command lines of all its processes now, its containers' too. */
  async commandLines(): Promise<string[]> {
    const proc = `${this.root}/proc`;
    const pids = (await readdir(proc)).filter((name) => /^\d+$/.test(name));
    const lines = await Promise.all(
      // It may have ended meanwhile.
      pids.map((pid) => readFile(`${proc}/${pid}/cmdline`, 'utf8').catch(() => '')),
    );
    return lines.map((line) => line.replaceAll('\0', ' ').trim()).filter((line) => line !== '');
  }

  async #boot(): Promise<void> {
    const { index, lan, layers, mountNamespace, model, bootArgs, name } = this.#options;
    if (this.#child !== undefined) throw new TypeError(`${name} is running`);
    await this.#prepareDisk();
    const { namespace } = await lan.plug(index);
    if (this.#isCut) await lan.cut(index);
    const cgroup = await makeCgroup(this.#options.processors);
    this.#cgroup = cgroup;
    const parts = [layers.join(':'), this.#place('upper'), this.#place('work'), this.#place('root')];
    const child = spawn(
      'setpriv',
      [
        // It ends with us however we end. The clock and the modules are the whole kernel's: they are not its to set.
        ...['--pdeathsig', 'KILL', '--bounding-set=-sys_time,-sys_module', 'nsenter'],
        ...[`--net=/run/netns/${namespace}`, ...(mountNamespace ? [`--mount=${mountNamespace}`] : [])],
        ...['sh', '-c', enter, 'enter', String(cgroup.folders.length), ...cgroup.folders],
        ...['unshare', '--mount', '--uts', '--ipc', '--pid', '--cgroup', '--fork', '--kill-child'],
        ...['sh', '-c', boot, 'boot', ...parts, this.#place('docker'), model],
        ...[String(cgroup.mounts.length), ...cgroup.mounts, '/sbin/init', ...bootArgs],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const log = createWriteStream(this.#place('console.log'), { flags: 'a' });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    this.#child = child;
    child.once('exit', (_, signal) => {
      if (this.#child !== child) return;
      this.#restart = this.#wentDown(signal);
      this.#restart.catch(() => {}); // `kill` tells
    });
    this.#init = await until(`${name} has its first process`, async () => {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`${name} did not boot: ${await readFile(this.#place('console.log'), 'utf8')}`);
      return child.pid === undefined ? undefined : processesBelow(child.pid)[0];
    });
  }

  /** By itself. A first process ends with SIGHUP where reboot(2) was asked to start it again. */
  async #wentDown(signal: NodeJS.Signals | null): Promise<void> {
    this.#child = undefined;
    await this.#unplug();
    if (signal === 'SIGHUP') await this.#boot();
  }

  /** What first boot leaves on a card that was just flashed. */
  async #prepareDisk(): Promise<void> {
    await rm(this.#place('work'), { recursive: true, force: true });
    for (const part of ['work', 'root', 'docker']) await mkdir(this.#place(part), { recursive: true });
    const isNew = (await mkdir(this.#place('upper'), { recursive: true })) !== undefined;
    if (!isNew) return;
    const { files, name } = this.#options;
    const own = {
      '/etc/hostname': `${name}\n`,
      '/etc/hosts': `127.0.0.1 localhost\n127.0.1.1 ${name}\n`,
      // Nobody answers there: what asks for the world fails at once.
      '/etc/resolv.conf': 'nameserver 127.0.0.1\n',
      '/etc/ssh/ssh_host_ed25519_key': this.#hostKey.privateKey,
      '/etc/ssh/ssh_host_ed25519_key.pub': `${this.#hostKey.publicKey}\n`,
    };
    for (const [file, content] of Object.entries({ ...own, ...files })) {
      const target = join(this.#place('upper'), file);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, content);
      if (file.endsWith('_key')) await chmod(target, 0o600);
      if (file.startsWith(piHome)) await this.#giveToPi(target);
    }
  }

  async #giveToPi(target: string): Promise<void> {
    const home = join(this.#place('upper'), piHome);
    for (let part = target; part.startsWith(home); part = dirname(part)) await chown(part, 1000, 1000);
  }

  async #unplug(): Promise<void> {
    this.#init = undefined;
    await this.#cgroup?.remove();
    this.#cgroup = undefined;
    await this.#options.lan.unplug(this.#options.index);
  }

  #signal(signal: NodeJS.Signals): void {
    signalAll([this.#pid(), ...processesBelow(this.#pid())], signal);
  }

  #place(part: string): string {
    return join(this.#options.folder, part);
  }

  #pid(): number {
    if (this.#init === undefined) throw new TypeError(`${this.name} is off`);
    return this.#init;
  }
}

function signalAll(pids: readonly (number | undefined)[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      if (pid !== undefined) process.kill(pid, signal);
    } catch {
      // it has ended meanwhile
    }
  }
}
