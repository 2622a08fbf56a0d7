import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type Duplex, Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BrambleError } from '../../src/support/errors.ts';
import { quote } from '../../src/support/shell.ts';
import { streamOf } from './child-stream.ts';
import { endWithUs } from './end-with-us.ts';
import type { Remote, RemoteResult, RemoteRunOptions } from './remote.ts';
import { argumentsFor, option, type SshTarget } from './ssh-arguments.ts';
import { cannotRun, toSshError } from './ssh-errors.ts';

export interface SshRemoteOptions {
  /** A folder of our own, for the connection's socket; its path must be short (108 bytes in all, unix(7)). */
  readonly socketFolder: string;
  /** Asks for sudo's password, or finds it; called once for all nodes. */
  readonly sudoPassword: (node: string) => Promise<string>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Ssh = ChildProcessByStdio<Writable, Readable, Readable>;

/** By default sshd takes ten sessions a connection (MaxSessions); one is the connection's own. */
const maxSessions = 8;
const connectSeconds = 10;
/** The status of `ssh` itself, when there was no connection (ssh(1), EXIT STATUS). */
const noConnection = 255;
const keptErrorLines = 20;

/**
 * A machine over OpenSSH's own client, so that agent, keys, jump hosts and ~/.ssh/config are as the user knows them. One
 * connection, shared by all commands; it ends with this process, however that ends.
 */
export class SshRemote implements Remote {
  readonly name: string;
  readonly #target: SshTarget;
  readonly #options: SshRemoteOptions;
  #connection: Promise<Ssh> | undefined;
  /** Of sudo; empty where none is needed. */
  #password: Promise<string> | undefined;
  #sessions = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(target: SshTarget, options: SshRemoteOptions) {
    this.name = target.name;
    this.#target = target;
    this.#options = options;
  }

  async connect({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    this.#connection ??= this.#open(signal);
    try {
      await this.#connection;
    } catch (err) {
      this.#connection = undefined;
      throw err;
    }
  }

  async run(command: readonly string[], options: RemoteRunOptions): Promise<RemoteResult> {
    const result = await this.#inSession(() => this.#run(command, options));
    if (result.status === 0 || options.accept?.includes(result.status)) return result;
    throw this.#failed(command, result.status, (result.stderr.trim() || result.stdout.trim()).split('\n'));
  }

  async pipe(
    command: readonly string[],
    { as, signal }: Pick<RemoteRunOptions, 'as' | 'signal'>,
  ): Promise<Duplex> {
    await this.connect({ signal });
    const password = as === 'root' ? await this.#sudoPassword(signal) : '';
    const child = this.#spawn(
      [...this.#shared(), '--', this.#target.host, this.#line(command, as, password)],
      signal,
    );
    if (password !== '') child.stdin.write(`${password}\n`);
    const errors = keepLines(child.stderr);
    const stream = streamOf(child, (status) =>
      status === noConnection || status === null
        ? toSshError(this.#where(), errors().join('\n'), this.#target)
        : this.#failed(command, status, errors()),
    );
    child.once('error', (err) => stream.destroy(signal.aborted ? err : cannotRun(err)));
    return stream;
  }

  forwardBack({ there, here }: { readonly there: number; readonly here: number }): Promise<void> {
    return this.#forward('-R', `127.0.0.1:${there}:127.0.0.1:${here}`);
  }

  /** A socket file of ours, for nobody else's eyes, that leads to a port of the other machine's loopback. */
  forwardTo({ socket, there }: { readonly socket: string; readonly there: number }): Promise<void> {
    return this.#forward('-L', `${socket}:127.0.0.1:${there}`);
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    this.#connection = undefined;
    if (connection === undefined || connection.exitCode !== null || connection.signalCode !== null) return;
    const ended = once(connection, 'exit');
    connection.kill();
    await ended;
  }

  async #forward(direction: '-L' | '-R', path: string): Promise<void> {
    const signal = AbortSignal.timeout(connectSeconds * 1000);
    await this.connect({ signal });
    const { status, stderr } = await collect(
      this.#spawn([...this.#shared(), '-O', 'forward', direction, path, '--', this.#target.host], signal),
      { signal },
    );
    if (status !== 0)
      throw new BrambleError('REMOTE_FAILED', `${this.name}: cannot forward ${path}: ${stderr.trim()}`);
  }

  /** The first session is `cat`: when this process is gone its input ends, and with it the connection. */
  async #open(signal: AbortSignal): Promise<Ssh> {
    const opening = new AbortController(); // later the signal of who came first does not end what all use
    const giveUp = () => opening.abort(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      return await this.#openMaster(opening.signal);
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  async #openMaster(signal: AbortSignal): Promise<Ssh> {
    const child = this.#spawn(
      [...this.#master(), '--', this.#target.host, 'echo connected && exec cat'],
      signal,
    );
    const errors = keepLines(child.stderr);
    const ended = once(child, 'close');
    const answered = once(createInterface(child.stdout), 'line');
    answered.catch(() => {}); // where it ends without a line `ended` tells
    try {
      await Promise.race([answered, ended]);
    } catch (err) {
      signal.throwIfAborted();
      throw cannotRun(err);
    }
    if (child.exitCode !== null) throw toSshError(this.#where(), errors().join('\n'), this.#target);
    child.once('close', () => {
      this.#connection = undefined;
    });
    child.stdout.resume();
    return child;
  }

  async #run(command: readonly string[], options: RemoteRunOptions): Promise<RemoteResult> {
    const { as, stdin, onLine, timeoutMs = 60_000, signal } = options;
    await this.connect({ signal });
    const password = as === 'root' ? await this.#sudoPassword(signal) : '';
    const timeout = AbortSignal.timeout(timeoutMs);
    const line = this.#line(command, as, password);
    const child = this.#spawn(
      [...this.#shared(), '--', this.#target.host, line],
      AbortSignal.any([signal, timeout]),
    );
    if (password !== '') child.stdin.write(`${password}\n`);
    const result = await collect(child, { stdin, onLine, signal }).catch((err: unknown) => {
      if (!timeout.aborted) throw err;
      throw new BrambleError(
        'REMOTE_FAILED',
        `${this.name}: ${command.slice(0, 3).join(' ')} did not end within ${timeoutMs / 1000} s`,
        { cause: err },
      );
    });
    if (result.status === noConnection) throw toSshError(this.#where(), result.stderr, this.#target);
    return result;
  }

  /** `sh` is what sudo runs always, so that it either asks every time or never: what follows is never taken for the password. */
  #line(command: readonly string[], as: 'root' | undefined, password: string): string {
    const words = command.map(quote).join(' ');
    if (as === undefined || this.#target.user === 'root') return words;
    return `sudo -k ${password === '' ? '-n' : "-S -p ''"} -- sh -c 'exec "$@"' sh ${words}`;
  }

  #sudoPassword(signal: AbortSignal): Promise<string> {
    this.#password ??= this.#findPassword(signal);
    this.#password.catch(() => {
      this.#password = undefined;
    });
    return this.#password;
  }

  async #findPassword(signal: AbortSignal): Promise<string> {
    if (this.#target.user === 'root') return '';
    const attempt = (password: string) => {
      const child = this.#spawn(
        [...this.#shared(), '--', this.#target.host, this.#line(['true'], 'root', password)],
        signal,
      );
      return collect(child, { stdin: password === '' ? '' : `${password}\n`, signal });
    };
    const { status, stderr } = await attempt('');
    if (status === 0) return '';
    if (status === noConnection) throw toSshError(this.#where(), stderr, this.#target);
    if (!/password is required/.test(stderr))
      throw new BrambleError(
        'UNAUTHORIZED',
        `${this.name}: ${this.#user()} may not use sudo: ${stderr.trim()}`,
      );
    const password = await this.#options.sudoPassword(this.name);
    if (/[\n\0]/.test(password) || password === '' || (await attempt(password)).status !== 0)
      throw new BrambleError(
        'UNAUTHORIZED',
        `${this.name}: sudo does not take this password of ${this.#user()}`,
      );
    return password;
  }

  async #inSession<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#sessions >= maxSessions) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#sessions += 1;
    try {
      return await work();
    } finally {
      this.#sessions -= 1;
      this.#waiting.shift()?.();
    }
  }

  #master(): string[] {
    return [...this.#common(), '-M', '-o', 'ControlPersist=no'];
  }

  #shared(): string[] {
    return [...this.#common(), '-o', 'ControlMaster=no'];
  }

  #common(): string[] {
    return [
      '-T',
      ...option('BatchMode', 'yes'),
      ...option('StrictHostKeyChecking', 'yes'),
      ...option('LogLevel', 'ERROR'),
      ...option('ControlPath', `"${this.#options.socketFolder}/${this.name}"`),
      ...argumentsFor(this.#target, { connectSeconds }),
    ];
  }

  #spawn(args: readonly string[], signal: AbortSignal): Ssh {
    // In a group of its own: Ctrl-C is for us, who let what was begun come to an end.
    const child = spawn('ssh', args, {
      ...{ env: this.#options.env, signal, detached: true },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    endWithUs(child);
    child.stdin.on('error', () => {}); // its exit status tells why it did not read
    return child;
  }

  #failed(command: readonly string[], status: number, lines: readonly string[]): BrambleError {
    const said = lines.slice(-3).join('; ');
    return new BrambleError(
      'REMOTE_FAILED',
      `${this.name}: ${command.slice(0, 3).join(' ')} ended with status ${status}: ${said}`,
    );
  }

  #user(): string {
    return this.#target.user ?? 'the user';
  }

  #where(): string {
    const { name, host, port } = this.#target;
    return `${name} (${host}${port === undefined || port === 22 ? '' : `:${port}`})`;
  }
}

interface CollectOptions {
  readonly stdin?: RemoteRunOptions['stdin'];
  readonly onLine?: RemoteRunOptions['onLine'] | undefined;
  readonly signal: AbortSignal;
}

async function collect(child: Ssh, { stdin = '', onLine, signal }: CollectOptions): Promise<RemoteResult> {
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
    if (onLine) createInterface(child[name]).on('line', onLine);
  }
  const ended = once(child, 'close');
  ended.catch(() => {}); // awaited below
  const input = typeof stdin === 'string' || stdin instanceof Uint8Array ? Readable.from([stdin]) : stdin;
  const fed = pipeline(input, child.stdin).catch(() => {}); // a command need not read all it could
  try {
    const [status] = await ended;
    await fed;
    return { status: typeof status === 'number' ? status : noConnection, ...texts };
  } catch (err) {
    signal.throwIfAborted();
    throw cannotRun(err);
  }
}

function keepLines(stream: Readable): () => readonly string[] {
  const lines: string[] = [];
  createInterface(stream).on('line', (line) => {
    lines.push(line);
    if (lines.length > keptErrorLines) lines.shift();
  });
  return () => lines;
}
