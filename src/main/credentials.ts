import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BrambleError, messageOf, systemCode } from '../support/errors.ts';

export interface GatewayPassword {
  readonly password: string;
  /** Where it is kept, when it was made here. */
  readonly file: string | undefined;
}

/** Name of the file in the data folder that holds a generated password. */
export const passwordFileName = 'password';

/** The configured password, that of the configured file, or one that is made once and kept in the data folder (0600). */
export function gatewayPassword(
  gateway: { readonly password?: string; readonly passwordFile?: string },
  dataDir: string,
): GatewayPassword {
  if (gateway.password !== undefined) return { password: gateway.password, file: undefined };
  if (gateway.passwordFile !== undefined)
    return { password: readSecretFile(gateway.passwordFile), file: gateway.passwordFile };
  const file = join(dataDir, passwordFileName);
  return { password: keptPassword(file) || makePassword(file, dataDir), file };
}

/** Empty where there is none, as after a power cut just when it was made. */
function keptPassword(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (err) {
    if (systemCode(err) === 'ENOENT') return '';
    throw unusable(file, err);
  }
}

/** The text of a file that holds a secret, without the line end that editors add. */
export function readSecretFile(file: string): string {
  const password = readPasswordFile(file);
  if (password !== '') return password;
  throw new BrambleError('CONFIG_INVALID', `the password file ${file} is empty; write the password into it`);
}

function readPasswordFile(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (err) {
    throw new BrambleError('CONFIG_INVALID', `cannot read the password file ${file}: ${messageOf(err)}`, {
      cause: err,
    });
  }
}

function makePassword(file: string, dataDir: string): string {
  const password = randomBytes(18).toString('base64url');
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, `${password}\n`, { mode: 0o600, flush: true });
    renameSync(draft, file);
  } catch (err) {
    throw unusable(file, err);
  }
  return password;
}

function unusable(file: string, err: unknown): BrambleError {
  return new BrambleError(
    'STORE_BROKEN',
    `cannot use the data folder: ${file}: ${messageOf(err)}; check its owner and free space, or set dataDir`,
    {
      cause: err,
    },
  );
}
