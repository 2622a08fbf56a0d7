import { readFile } from 'node:fs/promises';
import { BrambleError, messageOf, systemCode } from '../support/errors.ts';
import type { CliContext, Environment } from './context.ts';
import { addressOf, type Credentials } from './gateway.ts';
import { readStdinText } from './input.ts';
import { readLocalAgent } from './local-agent.ts';
import { findLogin, loginFiles } from './logins.ts';

export interface CredentialOptions {
  readonly user?: string;
  readonly passwordStdin?: boolean;
}

type Surroundings = Pick<CliContext, 'env' | 'home' | 'stdin'>;

/** A place of its own to look for the password of a gateway, which comes last. */
export type FindElsewhere = () => Promise<Credentials | undefined>;

const defaultUser = 'admin';

/**
 * The first of: --password-stdin, environment, `bramble login`, `faas-cli login`, and for a gateway on this machine the
 * password that its agent keeps. With none the request goes out bare: a gateway may ask for nothing.
 */
export async function findCredentials(
  gateway: URL,
  options: CredentialOptions,
  context: Surroundings,
  findElsewhere: FindElsewhere = () => localCredentials(gateway, context.env),
): Promise<Credentials | undefined> {
  const user = options.user ?? (context.env.BRAMBLE_USER || undefined);
  const given = await givenPassword(options, context);
  if (given !== undefined) return { user: user ?? defaultUser, ...given };
  const stored = (await storedCredentials(gateway, context)) ?? (await findElsewhere());
  if (user === undefined || stored?.user === user) return stored;
  throw new BrambleError(
    'UNAUTHORIZED',
    `no password is known for user ${user} at ${addressOf(gateway)}; give it with --password-stdin or BRAMBLE_PASSWORD`,
  );
}

async function givenPassword(
  { passwordStdin }: CredentialOptions,
  context: Surroundings,
): Promise<Pick<Credentials, 'password' | 'source'> | undefined> {
  const { BRAMBLE_PASSWORD: password, BRAMBLE_PASSWORD_FILE: file } = context.env;
  if (passwordStdin) {
    const password = (await readStdinText(context.stdin)).trim();
    if (password !== '') return { password, source: 'standard input' };
    throw new BrambleError('INVALID', 'no password arrived on standard input; pipe it into --password-stdin');
  }
  if (password) return { password, source: 'BRAMBLE_PASSWORD' };
  if (file) return { password: await readPassword(file), source: file };
  return undefined;
}

async function readPassword(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (err) {
    throw new BrambleError('INVALID', `cannot read the password file ${file}: ${messageOf(err)}`, {
      cause: err,
    });
  }
}

async function storedCredentials(gateway: URL, context: Surroundings): Promise<Credentials | undefined> {
  for (const file of loginFiles(context)) {
    const login = await findLogin(file, addressOf(gateway));
    if (login !== undefined) return login;
  }
  return undefined;
}

/** What the agent that is configured in this folder asks for: configured, or kept in its data folder. */
async function localCredentials(gateway: URL, env: Environment): Promise<Credentials | undefined> {
  if (!isThisMachine(gateway)) return undefined;
  const agent = await readLocalAgent(env);
  if (agent === undefined) return undefined;
  const { user, password, passwordFile } = agent;
  if (password !== undefined) return { user, password, source: 'the configuration' };
  try {
    return { user, password: (await readFile(passwordFile, 'utf8')).trim(), source: passwordFile };
  } catch (err) {
    // None was started here yet, or its files are another user's: ask without credentials.
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(systemCode(err) ?? '')) return undefined;
    throw err;
  }
}

function isThisMachine({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
