import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { removeFolder } from './remove-folder.ts';

/** A public key as OpenSSH writes it: RFC 8709 section 4. */
export function makePublicKey(comment = 'me@laptop'): string {
  const { publicKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
  const field = (data: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, data.length]), data]);
  const blob = Buffer.concat([field(Buffer.from('ssh-ed25519')), field(raw)]);
  return `ssh-ed25519 ${blob.toString('base64')} ${comment}`;
}

export interface Project {
  /** Holds the bramble.yaml, and is the user's home as well. */
  readonly folder: string;
  readonly file: string;
  readonly key: string;
}

/** A folder with a bramble.yaml for the running test: a text, or `cluster` laid over one manager called pi-01. */
export function makeProject(cluster: object | string = {}): Project {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-project-'));
  onTestFinished(() => removeFolder(folder));
  const key = makePublicKey();
  const file = join(folder, 'bramble.yaml');
  writeFileSync(join(folder, 'key.pub'), `${key}\n`);
  const base = {
    user: { authorizedKeys: ['key.pub'] },
    nodes: [{ name: 'pi-01', role: 'manager' }],
  };
  writeFileSync(
    file,
    typeof cluster === 'string' ? cluster : stringify({ cluster: { ...base, ...cluster } }),
  );
  return { folder, file, key };
}
