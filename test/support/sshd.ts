import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { SshTarget } from '../../provision/remote/ssh-arguments.ts';
import { freePort } from './ports.ts';
import { removeFolder } from './remove-folder.ts';

/** Are OpenSSH's server and client here? In CI they must be, so there nothing is skipped. */
export const hasSshd =
  process.env.CI !== undefined ||
  ['/usr/sbin/sshd', 'ssh', 'ssh-keygen'].every((program) => spawnSync('which', [program]).status === 0);

export interface Sshd {
  /** To log in as the user who runs the tests. */
  readonly target: SshTarget;
  /** Its host key's public half, `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** Programs in `bin` below it are found by commands before all others. */
  readonly folder: string;
  /** From now on it shows another host key. */
  renewHostKey(): Promise<void>;
  stop(): Promise<void>;
}

/** A real sshd on a port of loopback, which takes one key that was made for it. */
export async function startSshd(name = 'pi-01'): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-sshd-'));
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true }); // where it separates its privileges
  const port = await freePort();
  makeKey(join(folder, 'client'));
  makeKey(join(folder, 'host'));
  writeFileSync(join(folder, 'sshd_config'), configuration(folder, port));
  let server = await start(folder);
  const hostKey = readFileSync(join(folder, 'host.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
  writeFileSync(join(folder, 'known_hosts'), `[127.0.0.1]:${port} ${hostKey}\n`);
  return {
    folder,
    hostKey,
    target: {
      ...{ name, host: '127.0.0.1', user: userInfo().username, port },
      key: join(folder, 'client'),
      knownHosts: [join(folder, 'known_hosts')],
    },
    async renewHostKey() {
      await end(server);
      removeFolder(join(folder, 'host'));
      removeFolder(join(folder, 'host.pub'));
      makeKey(join(folder, 'host'));
      server = await start(folder);
    },
    async stop() {
      await end(server);
      removeFolder(folder);
    },
  };
}

function makeKey(file: string): void {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
}

function configuration(folder: string, port: number): string {
  return [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${folder}/host`,
    `AuthorizedKeysFile ${folder}/client.pub`,
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    'StrictModes no', // the folder is in /tmp
    'PidFile none',
    `SetEnv PATH=${folder}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    '',
  ].join('\n');
}

async function start(folder: string) {
  const server = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(folder, 'sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    createInterface(server.stderr).on('line', (line) => {
      lines.push(line);
      if (line.includes('Server listening')) resolve();
    });
    server.once('exit', () => reject(new Error(`sshd ended: ${lines.join('; ')}`)));
  });
  return server;
}

async function end(server: Awaited<ReturnType<typeof start>>): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  server.kill();
  await ended;
}
