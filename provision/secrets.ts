import { type FileHandle, open } from 'node:fs/promises';
import { BrambleError, messageOf, systemCode } from '../src/support/errors.ts';
import type { Inventory } from './inventory.ts';

export interface Secrets {
  /** 8 to 63 characters, or the key itself as 64 hex digits. `undefined` when no node uses Wi-Fi. */
  readonly wifiPassword: string | undefined;
  /** `undefined` when the user shall have none. */
  readonly userPassword: string | undefined;
}

export interface SecretSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Asks on the terminal and does not show what is typed; `undefined` where there is no terminal. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
}

/**
 * What these nodes need: from the environment, else from a file that nobody else can read, else from the terminal. Throws
 * INVALID, without the secret.
 */
export async function readSecrets(
  { wifi, user, nodes }: Pick<Inventory, 'wifi' | 'user' | 'nodes'>,
  sources: SecretSources,
): Promise<Secrets> {
  const needsWifi = wifi !== undefined && nodes.some(({ isWireless }) => isWireless);
  const wifiPassword = needsWifi
    ? await readSecret(
        {
          what: `the password of the Wi-Fi ${wifi.ssid}`,
          variable: 'BRAMBLE_WIFI_PASSWORD',
          file: wifi.passwordFile,
          key: 'cluster.network.wifi.passwordFile',
          problemWith: problemWithWifiPassword,
          asksTwice: false,
        },
        sources,
      )
    : undefined;
  const userPassword = user.hasPassword
    ? await readSecret({ ...userPasswordOf(user), asksTwice: true }, sources)
    : undefined;
  return { wifiPassword, userPassword };
}

/** The user's password once more, where a node's sudo asks for it; whether it is right sudo will say. */
export async function readSudoPassword(
  { user }: Pick<Inventory, 'user'>,
  sources: SecretSources,
): Promise<string> {
  const wanted = { ...userPasswordOf(user), what: `the password of ${user.name} for sudo on the nodes` };
  return readSecret({ ...wanted, asksTwice: false }, sources);
}

/** Rather long: whoever has a backup can try as often as he likes. */
const minBackupPassword = 10;

/** What a backup is sealed with; for a new one it is asked for twice. */
export async function readBackupPassword(
  { file, isNew }: { readonly file: string | undefined; readonly isNew: boolean },
  sources: SecretSources,
): Promise<string> {
  const problemWith = (secret: string) =>
    isNew && secret.length < minBackupPassword
      ? `must have at least ${minBackupPassword} characters`
      : undefined;
  return readSecret(
    {
      ...{
        what: 'the password of the backup',
        variable: 'BRAMBLE_BACKUP_PASSWORD',
        file,
        key: '--password-file',
      },
      ...{ problemWith, asksTwice: isNew },
    },
    sources,
  );
}

function userPasswordOf({ name, passwordFile }: Inventory['user']): Omit<WantedSecret, 'asksTwice'> {
  return {
    what: `the password of the user ${name} on the nodes`,
    variable: 'BRAMBLE_USER_PASSWORD',
    file: passwordFile,
    key: 'cluster.user.passwordFile',
    problemWith: problemWithUserPassword,
  };
}

interface WantedSecret {
  readonly what: string;
  readonly variable: string;
  readonly file: string | undefined;
  /** What names the file in bramble.yaml. */
  readonly key: string;
  readonly problemWith: (secret: string) => string | undefined;
  readonly asksTwice: boolean;
}

async function readSecret(wanted: WantedSecret, { env, ask }: SecretSources): Promise<string> {
  const { what, variable, file, key, problemWith } = wanted;
  const given = env[variable];
  if (given) return checked(given, `${what}, from ${variable},`, problemWith);
  if (file !== undefined)
    return checked(await readSecretFile(file, env), `${what}, from ${file},`, problemWith);
  if (ask !== undefined) return askFor(wanted, ask);
  throw new BrambleError(
    'INVALID',
    `${what} is needed; set ${variable}, name a file with ${key}, or run this on a terminal`,
  );
}

function checked(secret: string, what: string, problemWith: WantedSecret['problemWith']): string {
  const problem = problemWith(secret);
  if (problem === undefined) return secret;
  throw new BrambleError('INVALID', `${what} ${problem}`);
}

async function askFor(
  { what, problemWith, asksTwice }: WantedSecret,
  ask: NonNullable<SecretSources['ask']>,
): Promise<string> {
  const question = `${what[0]?.toUpperCase()}${what.slice(1)}: `;
  const secret = checked(await ask(question), what, problemWith);
  if (asksTwice && (await ask('The same again: ')) !== secret)
    throw new BrambleError('INVALID', `${what} was typed in two ways; try again`);
  return secret;
}

/** WPA's rules, IEEE 802.11 annex J.4: a passphrase of printable ASCII, or the 256-bit key in hex. */
function problemWithWifiPassword(secret: string): string | undefined {
  if (/^[0-9a-f]{64}$/i.test(secret) || /^[\x20-\x7e]{8,63}$/.test(secret)) return undefined;
  return 'must have 8 to 63 characters of ASCII, or be a key of 64 hex digits';
}

function problemWithUserPassword(secret: string): string | undefined {
  if (secret === '') return 'is empty';
  return /\p{Cc}/u.test(secret) ? 'must be one line without control characters' : undefined;
}

/** Far more than any password has; a file that is larger was named by mistake. */
const maxFileBytes = 4096;

async function readSecretFile(path: string, env: SecretSources['env']): Promise<string> {
  const file = await openFile(path);
  try {
    await checkFile(file, path, env);
    return (await file.readFile('utf8')).replace(/\r?\n$/, '');
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (err) {
    const advice = systemCode(err) === 'ENOENT' ? `; make it with (umask 077; cat > ${path})` : '';
    throw new BrambleError('INVALID', `cannot read the password file ${path}: ${messageOf(err)}${advice}`, {
      cause: err,
    });
  }
}

/** Of the open file, so that no other one can take its place in between. */
async function checkFile(file: FileHandle, path: string, env: SecretSources['env']): Promise<void> {
  const { mode, uid, size } = await file.stat();
  if (size > maxFileBytes)
    throw new BrambleError('INVALID', `${path} is no file with a password: it is over ${maxFileBytes} bytes`);
  const me = process.getuid?.();
  if (me === undefined) return; // a system without such rights
  if ((mode & 0o077) !== 0)
    throw new BrambleError(
      'INVALID',
      `others can read ${path}; run chmod 600 ${path}, and change the password`,
    );
  // With sudo the file is that of the user who called it.
  const owners = [me, ...(me === 0 && env.SUDO_UID ? [Number(env.SUDO_UID)] : [])];
  if (!owners.includes(uid))
    throw new BrambleError(
      'INVALID',
      `${path} belongs to another user; run chown ${me} ${path} if it is yours`,
    );
}
