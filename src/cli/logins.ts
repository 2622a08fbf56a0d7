import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BrambleError, messageOf, systemCode } from '../support/errors.ts';
import type { CliContext } from './context.ts';
import type { Credentials } from './gateway.ts';
import { isObject, type JsonObject, listOf, textOf } from './json.ts';

type Surroundings = Pick<CliContext, 'env' | 'home'>;

/** `bramble login`'s own file; in the same format as faas-cli's, so that one reader serves both. */
export function loginFile({ env, home }: Surroundings): string {
  return join(env.BRAMBLE_HOME || join(home, '.bramble'), 'config.yml');
}

/** Where logins are looked up, ours first. */
export function loginFiles(context: Surroundings): string[] {
  const { env, home } = context;
  return [loginFile(context), join(env.OPENFAAS_CONFIG || join(home, '.openfaas'), 'config.yml')];
}

/** The stored login for a gateway's address; `undefined` when there is none. */
export async function findLogin(file: string, address: string): Promise<Credentials | undefined> {
  const entry = listOf(await readLogins(file), 'auths').find(
    (auth) => isLoginOf(auth, address) && textOf(auth, 'auth') === 'basic',
  );
  if (entry === undefined) return undefined;
  const [user = '', ...password] = Buffer.from(textOf(entry, 'token'), 'base64').toString().split(':');
  return { user, password: password.join(':'), source: file };
}

/** Stores a login in place of an older one for the same gateway. Only the user can read the file. */
export async function saveLogin(
  file: string,
  address: string,
  { user, password }: Pick<Credentials, 'user' | 'password'>,
): Promise<void> {
  const token = Buffer.from(`${user}:${password}`).toString('base64');
  await writeLogins(file, address, [{ gateway: address, auth: 'basic', token }]);
}

/** True when there was one. */
export async function removeLogin(file: string, address: string): Promise<boolean> {
  const isThere = (await findLogin(file, address)) !== undefined;
  if (isThere) await writeLogins(file, address, []);
  return isThere;
}

async function writeLogins(file: string, address: string, fresh: readonly JsonObject[]): Promise<void> {
  const before = await readLogins(file);
  const others = listOf(before, 'auths').filter((auth) => !isLoginOf(auth, address));
  const { toYaml } = await import('./yaml.ts');
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const draft = `${file}.${process.pid}`;
    await writeFile(draft, toYaml({ ...before, auths: [...others, ...fresh] }), { mode: 0o600 });
    await chmod(draft, 0o600); // the mode above counts only for a file that was not there
    await rename(draft, file);
  } catch (err) {
    throw new BrambleError('STORE_BROKEN', `cannot store the login in ${file}: ${messageOf(err)}`, {
      cause: err,
    });
  }
}

async function readLogins(file: string): Promise<JsonObject> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (err) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(systemCode(err) ?? '')) return {};
    throw err;
  }
  const { parseYaml } = await import('./yaml.ts');
  try {
    const value = parseYaml(text);
    return isObject(value) ? value : {};
  } catch (err) {
    throw new BrambleError('INVALID', `${file} is not YAML: ${messageOf(err).split('\n')[0]}`, {
      cause: err,
    });
  }
}

function isLoginOf(auth: unknown, address: string): boolean {
  return textOf(auth, 'gateway').replace(/\/+$/, '').toLowerCase() === address.toLowerCase();
}
