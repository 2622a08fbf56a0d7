import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './ports.ts';
import { removeFolder } from './remove-folder.ts';

/** Is Debian's `mosquitto` here, with its clients? In CI it must be, so there nothing is skipped. */
export const hasMosquitto =
  process.env.CI !== undefined ||
  ['mosquitto', 'mosquitto_pub', 'mosquitto_sub'].every(
    (program) => spawnSync('which', [program]).status === 0,
  );

export interface MosquittoOptions {
  /** User and password that it asks for; without it everybody is let in. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Keeps sessions and retained messages over `stop` and `start` (not over `kill`). */
  readonly persistence?: boolean;
  readonly tcpNoDelay?: boolean;
  readonly port?: number;
  /** Serves TLS with a certificate for `localhost` that its own authority signed. */
  readonly tls?: boolean;
  /** More lines for its configuration. */
  readonly settings?: readonly string[];
}

/** A broker of our own. Port and data stay the same over `kill`, `stop` and `start`. */
export interface Mosquitto {
  readonly port: number;
  readonly url: string;
  readonly login: { readonly user: string; readonly password: string } | undefined;
  /** PEM of the authority, with `tls`. */
  readonly ca: string | undefined;
  start(): Promise<void>;
  /** Ends it as an administrator would. */
  stop(): Promise<void>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  remove(): Promise<void>;
}

export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-mosquitto-'));
  const port = options.port ?? (await freePort());
  const ca = options.tls ? makeCertificates(folder) : undefined;
  writeFileSync(join(folder, 'mosquitto.conf'), configuration(folder, port, options));
  if (options.login) {
    const { user, password } = options.login;
    execFileSync('mosquitto_passwd', ['-b', '-c', join(folder, 'passwords'), user, password]);
  }
  let child: ChildProcess | undefined;
  const start = async () => {
    child = spawn('mosquitto', ['-c', join(folder, 'mosquitto.conf')], {
      stdio: 'ignore',
    });
    await untilListening(port, child);
  };
  const end = async (signal: NodeJS.Signals) => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const exited = once(running, 'exit');
    running.kill(signal);
    await exited;
  };
  await start();
  return {
    port,
    url: ca === undefined ? `mqtt://127.0.0.1:${port}` : `mqtts://localhost:${port}`,
    login: options.login,
    ca,
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGTERM');
      await start();
    },
    remove: async () => {
      await end('SIGKILL');
      removeFolder(folder);
    },
  };
}

/** What a foreign client needs to know of a broker without TLS. */
export interface BrokerAddress extends Pick<Mosquitto, 'port'>, Partial<Pick<Mosquitto, 'login'>> {
  /** This machine unless told. */
  readonly host?: string;
}

/** Runs `mosquitto_pub` with these arguments beside those for the connection; rejects if it fails. */
export async function mosquittoPub(broker: BrokerAddress, args: readonly string[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    execFile('mosquitto_pub', [...connectionArgs(broker), ...args], { timeout: 20_000 }, (err, _, stderr) => {
      if (err) reject(new Error(`mosquitto_pub failed: ${stderr}`, { cause: err }));
      else resolve();
    });
  });
}

export interface MosquittoSub {
  /** What was received so far, as `-F` or the payload alone. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

/** Runs `mosquitto_sub`; resolves when the broker has confirmed its subscription. */
export async function mosquittoSub(broker: BrokerAddress, args: readonly string[]): Promise<MosquittoSub> {
  // Line-buffered, or what `-d` says of the subscription would come with the first message only.
  const child = spawn('stdbuf', ['-oL', 'mosquitto_sub', '-d', ...connectionArgs(broker), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines: string[] = [];
  const subscribed = new Promise<void>((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      if (line.startsWith('Subscribed (mid:')) resolve();
      else if (!/^Client .* (sending|received) /.test(line)) lines.push(line);
    });
  });
  await Promise.race([
    subscribed,
    exited.then(() => {
      throw new Error(`mosquitto_sub ended: ${lines.join(' ')}`);
    }),
  ]);
  return {
    lines,
    stop: async () => {
      // On SIGTERM it says goodbye from within the signal's handler, where it can wait for its own lock for ever.
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function configuration(folder: string, port: number, options: MosquittoOptions): string {
  return [
    `listener ${port} 127.0.0.1`,
    `allow_anonymous ${options.login === undefined}`,
    ...(options.login ? [`password_file ${folder}/passwords`] : []),
    ...(options.persistence ? ['persistence true', `persistence_location ${folder}/`] : []),
    ...(options.tls
      ? [`cafile ${folder}/ca.crt`, `certfile ${folder}/server.crt`, `keyfile ${folder}/server.key`]
      : []),
    `set_tcp_nodelay ${options.tcpNoDelay ?? true}`,
    // Started by root it would become a user who cannot read the folder.
    'user root',
    'log_type none',
    ...(options.settings ?? []),
    '',
  ].join('\n');
}

/** An authority and a certificate of `localhost` by it. Returns the authority's PEM. */
function makeCertificates(folder: string): string {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const ecKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...ecKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-days',
    '2',
    '-subj',
    '/CN=Test CA',
  );
  openssl('req', ...ecKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost');
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost\n');
  openssl(
    ...['x509', '-req', '-in', 'server.csr', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
    ...['-out', 'server.crt', '-days', '2', '-extfile', 'names'],
  );
  return execFileSync('cat', [join(folder, 'ca.crt')], { encoding: 'utf8' });
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`mosquitto ended with status ${child.exitCode}`);
    if (await answers(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function connectionArgs({ host = '127.0.0.1', port, login }: BrokerAddress): string[] {
  return ['-h', host, '-p', String(port), ...(login ? ['-u', login.user, '-P', login.password] : [])];
}
