import { readFileSync } from 'node:fs';
import { messageOf, type Problem, systemCode } from '../src/support/errors.ts';

export interface KeyReading {
  /** Public keys in OpenSSH's one-line form, each once. */
  readonly keys: readonly string[];
  readonly problems: readonly Problem[];
}

/** What OpenSSH 9 makes and takes. */
const keyTypes = new Set([
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
]);

/**
 * Reads each entry, a key or a file of keys. What is no public key is a problem at `path`, and is never quoted: it may be
 * the private one, given by mistake.
 */
export function readAuthorizedKeys(
  entries: readonly string[],
  { path, absolute }: { path: string; absolute: (file: string) => string },
): KeyReading {
  const keys = new Set<string>();
  const problems: Problem[] = [];
  for (const [i, entry] of entries.entries()) {
    try {
      for (const key of readEntry(entry, absolute)) keys.add(key);
    } catch (err) {
      problems.push({ path: `${path}.${i}`, message: messageOf(err) });
    }
  }
  return { keys: [...keys], problems };
}

function readEntry(entry: string, absolute: (file: string) => string): string[] {
  if (isPrivateKey(entry)) throw new Error('is a private key; take it out, and give its public half');
  if (keyTypes.has(entry.trim().split(/\s+/)[0] ?? '')) return [readKey(entry, 'the key')];
  if (/\s/.test(entry.trim())) throw new Error('is neither a public key nor the name of a file with one');
  const file = absolute(entry);
  const text = readText(entry, file);
  if (isPrivateKey(text))
    throw new Error(`${entry} is a private key; name the public one, which is most often ${entry}.pub`);
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  if (lines.length === 0) throw new Error(`${entry} has no key in it`);
  return lines.map((line) => readKey(line, `a line of ${entry}`));
}

function readText(entry: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (err) {
    const isMissing = systemCode(err) === 'ENOENT';
    throw new Error(
      isMissing
        ? `there is no ${entry}; make a pair of keys with ssh-keygen -t ed25519, or name another`
        : `cannot read ${entry}: ${messageOf(err)}`,
      { cause: err },
    );
  }
}

function isPrivateKey(text: string): boolean {
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----|^PuTTY-User-Key-File/.test(text);
}

/** `type base64 comment`, where the data begin with the type again. */
function readKey(line: string, what: string): string {
  const [type = '', base64 = '', ...comment] = line.trim().split(/\s+/);
  const data = Buffer.from(base64, 'base64');
  const fields = data.toString('base64') === base64 ? readFields(data) : [];
  if (!keyTypes.has(type) || fields.length < 2 || fields[0]?.toString() !== type)
    throw new Error(`${what} is no public key such as ssh-ed25519 AAAA… me@laptop`);
  return [type, base64, ...comment].join(' ');
}

/** Each with its length before it, RFC 4251 section 5; none when the data end within one. */
function readFields(data: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  let offset = 0;
  while (offset < data.length) {
    const end = offset + 4 <= data.length ? offset + 4 + data.readUInt32BE(offset) : Number.POSITIVE_INFINITY;
    if (end > data.length) return [];
    fields.push(data.subarray(offset + 4, end));
    offset = end;
  }
  return fields;
}
