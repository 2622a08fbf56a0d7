import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { processesBelow } from '../processes.ts';
import { thawUntil } from '../thaw.ts';

const run = promisify(execFile);
const startLimitMs = 60_000;
/** A hanging Engine must not hang the test. */
const commandLimitMs = 180_000;
/** As systemd does it: an Engine that is killed starts again after two seconds, and finds its data and old process ids. */
const prepare = `hostname "$1"; mount --bind "$2" /etc/resolv.conf; mount --bind "$3" "$4"; pidfile=$5; shift 5
while "$@" & wait $!; [ $? -eq 137 ]; do sleep 2; rm -f "$pidfile"; done`;

export interface DaemonOptions {
  /** Name of the machine it believes to be. */
  readonly name: string;
  /** Network namespace it lives in. */
  readonly namespace: string;
  /** Mount namespace that it has its mounts from; this machine's unless told. */
  readonly mountNamespace?: string | undefined;
  /** Where all of it lies; not on an overlay file system. */
  readonly folder: string;
  /** An empty folder of this machine in which the Engine, and its containers, see what lies in `folder`. */
  readonly ownFolder: string;
  readonly dockerdArgs?: readonly string[];
}

/**
 * A Docker Engine in namespaces of its own: network, mounts, host name and processes. Whatever it starts, containers too,
 * ends with it, and its mounts end with the last process.
 */
export class Daemon {
  readonly socketPath: string;
  readonly #options: DaemonOptions;
  #child: ChildProcess | undefined;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.socketPath = join(options.folder, 'docker.sock');
  }

  /** Runs the `docker` program against it and gives what it printed, without white space at its ends. */
  async docker(...args: readonly string[]): Promise<string> {
    const { stdout } = await run('docker', ['-H', `unix://${this.socketPath}`, ...args], {
      maxBuffer: 64 * 1024 * 1024,
      timeout: commandLimitMs,
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
    });
    return stdout.trim();
  }

  /** Resolves when it answers. Starts again on the same data after `kill` or `stop`. */
  async start(): Promise<void> {
    const { folder, ownFolder, namespace, mountNamespace, name, dockerdArgs = [] } = this.#options;
    const execRoot = join(folder, 'exec');
    // Process ids of the last life mean nothing in this one.
    await rm(execRoot, { recursive: true, force: true });
    const pidFile = join(folder, 'docker.pid');
    await rm(pidFile, { force: true });
    await rm(this.socketPath, { force: true });
    await mkdir(join(folder, 'data'), { recursive: true });
    // Not this machine's own configuration.
    const configFile = join(folder, 'daemon.json');
    await writeFile(configFile, '{}');
    // Nobody answers there: a pull, tried before each start of a task, fails at once instead of after a time-out.
    const resolver = join(folder, 'resolv.conf');
    await writeFile(resolver, 'nameserver 127.0.0.1\n');
    const dockerd = [
      ...['dockerd', '--data-root', join(folder, 'data'), '--exec-root', execRoot],
      ...['--pidfile', pidFile, '--host', `unix://${this.socketPath}`],
      ...['--config-file', configFile, '--log-level', 'warn', ...dockerdArgs],
    ];
    // It ends with us however we end; the shell is process 1 and buries the orphans.
    const child = spawn(
      'setpriv',
      [
        ...['--pdeathsig', 'KILL', 'nsenter', `--net=/run/netns/${namespace}`],
        ...(mountNamespace === undefined ? [] : [`--mount=${mountNamespace}`]),
        ...['unshare', '--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child', '--mount-proc'],
        ...['sh', '-c', prepare, 'sh', name, resolver, folder, ownFolder, pidFile, ...dockerd],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const log = createWriteStream(this.logFile, { flags: 'a' });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    this.#child = child;
    await this.#answers(child);
  }

  /** All at once, as a power cut would. */
  async kill(): Promise<void> {
    await this.#end((child) => child.kill('SIGKILL'));
  }

  /** As an administrator would: containers are stopped first. */
  async stop(): Promise<void> {
    await this.#end(async (child) => {
      const dockerd = await findProcess(child.pid, 'dockerd');
      if (dockerd === undefined) child.kill('SIGKILL');
      else process.kill(dockerd, 'SIGTERM');
    });
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

  /** Process ids of the Engine and everything it runs. */
  processes(): number[] {
    return this.#child?.pid === undefined ? [] : processesBelow(this.#child.pid);
  }

  get logFile(): string {
    return join(this.#options.folder, 'dockerd.log');
  }

  #signal(signal: NodeJS.Signals): void {
    for (const pid of this.processes()) {
      try {
        process.kill(pid, signal);
      } catch {
        // it has ended meanwhile
      }
    }
  }

  async #end(how: (child: ChildProcess) => unknown): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const below = child.pid === undefined ? [] : processesBelow(child.pid);
    const exited = once(child, 'exit');
    await how(child);
    await thawUntil(
      below,
      exited.then(() => gone(below)),
    );
  }

  async #answers(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + startLimitMs;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`dockerd ended: ${await readFile(this.logFile, 'utf8')}`);
      const isUp = await this.docker('version', '--format', '{{.Server.Version}}').then(
        () => true,
        () => false,
      );
      if (isUp) return;
      if (Date.now() > deadline)
        throw new Error(`dockerd did not answer within ${startLimitMs} ms; see ${this.logFile}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function findProcess(below: number | undefined, name: string): Promise<number | undefined> {
  if (below === undefined) return undefined;
  for (const pid of processesBelow(below)) {
    const comm = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    if (comm.trim() === name) return pid;
  }
  return undefined;
}

/** The kernel ends the processes of a namespace one after the other; data can be removed only after the last. */
async function gone(pids: readonly number[]): Promise<void> {
  for (const pid of pids)
    for (let look = 0; look < 500; look += 1) {
      const exists = await readFile(`/proc/${pid}/comm`).then(
        () => true,
        () => false,
      );
      if (!exists) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
}
