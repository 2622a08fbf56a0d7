import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { SshHost } from '../customise/known-hosts.ts';
import { argumentsFor, option, type SshTarget } from './ssh-arguments.ts';
import { cannotRun, toSshError } from './ssh-errors.ts';

export interface HostKey {
  /** `ssh-ed25519 AAAA…`. */
  readonly publicKey: string;
  /** As `ssh-keygen -l` prints it: `SHA256:…`. */
  readonly fingerprint: string;
}

export interface ScannedKey extends HostKey {
  /** Under which `ssh` looks for it, after ~/.ssh/config has had its say. */
  readonly host: SshHost;
}

export interface ScanOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

const connectSeconds = 10;

/**
 * The host key that a machine shows. By `ssh` itself, which goes the user's way, jump hosts and all, and then proves nothing of who
 * we are: it is let try no login. Rejects UNREACHABLE.
 */
export async function scanHostKey(target: SshTarget, { env, signal }: ScanOptions): Promise<ScannedKey> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-scan-'));
  const known = join(folder, 'known_hosts');
  try {
    const child = spawn('ssh', [...scanning({ ...target, knownHosts: [known] }), '--', target.host, 'true'], {
      ...{ env, signal },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(child, 'close').catch((err: unknown) => {
      signal.throwIfAborted();
      throw cannotRun(err);
    });
    const [said] = await Promise.all([text(child.stderr), ended]);
    const key = parseKnownHosts(await readFile(known, 'utf8').catch(() => ''));
    if (key === undefined) throw toSshError(`${target.name} (${target.host})`, said, target);
    return key;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function scanning(target: SshTarget): string[] {
  return [
    '-T',
    ...option('BatchMode', 'yes'),
    ...option('PreferredAuthentications', 'none'),
    ...option('StrictHostKeyChecking', 'accept-new'),
    ...option('GlobalKnownHostsFile', '/dev/null'),
    ...option('HashKnownHosts', 'no'),
    ...option('ControlPath', 'none'),
    ...option('LogLevel', 'ERROR'),
    ...argumentsFor(target, { connectSeconds }),
  ];
}

/** The first key of a file: `names type key`. */
export function parseKnownHosts(content: string): ScannedKey | undefined {
  const [, names = '', type, key] = /^(\S+) (\S+) (\S+)/.exec(content) ?? [];
  if (type === undefined || key === undefined) return undefined;
  return { host: parseHost(names), publicKey: `${type} ${key}`, fingerprint: fingerprintOf(key) };
}

/** sshd(8), SSH_KNOWN_HOSTS FILE FORMAT: `pi-01.local`, or with another port than the usual one `[pi-01.local]:2222`. */
function parseHost(names: string): SshHost {
  const [first = ''] = names.split(',');
  const [, name, port] = /^\[(.+)\]:(\d+)$/.exec(first) ?? [];
  return { name: name ?? first, port: Number(port ?? 22) };
}

function fingerprintOf(base64: string): string {
  const hash = createHash('sha256').update(Buffer.from(base64, 'base64')).digest('base64');
  return `SHA256:${hash.replace(/=+$/, '')}`;
}
