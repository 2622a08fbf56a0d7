import { createHmac } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { systemCode } from '../../src/support/errors.ts';

/** A name or address under which a node's SSH server is reached. */
export interface SshHost {
  readonly name: string;
  readonly port: number;
}

/**
 * Makes `publicKey` the only key that the hosts have in a known-hosts file. The lines of others stay as they are. The file
 * appears whole or not at all, with mode 0600 in a folder with mode 0700; both are made where they are missing. Written by
 * root, as with sudo, they belong to whoever has the folder above.
 */
export function pinHostKey(file: string, hosts: readonly SshHost[], publicKey: string): void {
  const names = [...new Set(hosts.map(nameOf))];
  const kept = readLines(file).flatMap((line) => withoutHosts(line, names));
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  chmodSync(dirname(file), 0o700);
  const temporary = `${file}.${process.pid}.new`;
  writeFileSync(temporary, [...kept, `${names.join(',')} ${publicKey}`, ''].join('\n'), { mode: 0o600 });
  if (process.getuid?.() === 0) {
    const { uid, gid } = statSync(dirname(dirname(file)));
    for (const path of [dirname(file), temporary]) chownSync(path, uid, gid);
  }
  renameSync(temporary, file);
}

/** As sshd(8) has it: the port only where it is not the usual one. */
function nameOf({ name, port }: SshHost): string {
  const lower = name.toLowerCase();
  return port === 22 ? lower : `[${lower}]:${port}`;
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').replace(/\n$/, '').split('\n');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The line without these hosts; nothing when it was about them alone. Lines with a marker (`@revoked`) are no pins of ours. */
function withoutHosts(line: string, names: readonly string[]): string[] {
  const [, list, rest] = /^([^\s#@][^\s]*)(\s.*)$/.exec(line) ?? [];
  if (list === undefined || rest === undefined) return [line];
  const others = list.split(',').filter((entry) => !names.some((name) => isEntryOf(entry, name)));
  if (others.length === list.split(',').length) return [line];
  return others.length === 0 ? [] : [`${others.join(',')}${rest}`];
}

/** `ssh` may have hashed names, as `|1|salt|HMAC-SHA1`. */
function isEntryOf(entry: string, name: string): boolean {
  const [, salt, hash] = /^\|1\|([^|]+)\|([^|]+)$/.exec(entry) ?? [];
  if (salt === undefined) return entry.toLowerCase() === name;
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
}
