import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Passwords } from '../../provision/deploy-stack.ts';
import { BrambleError, messageOf } from '../support/errors.ts';
import type { CliContext } from './context.ts';
import { loginFile, saveLogin } from './logins.ts';

export interface StackPlace {
  readonly stackName: string;
  /** Tells this stack from those of other Swarms. */
  readonly clusterId: string;
  /** Where a manager serves. */
  readonly gateway: string;
  /** Of the gateway. */
  readonly user: string;
}

/** Keeps them for the user's eyes, and as the login of `bramble deploy` and its sisters. Resolves to the file. */
export async function keepPasswords(
  { gateway: password, device }: Passwords,
  { gateway, user, ...place }: StackPlace,
  context: Pick<CliContext, 'env' | 'home'>,
): Promise<string> {
  const { toYaml } = await import('./yaml.ts');
  const { deviceUser } = await import('../../provision/deploy-stack.ts');
  const file = passwordsFile(place, context);
  const content = {
    gateway: { url: gateway, user, password },
    broker: { user: deviceUser, password: device },
  };
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, toYaml(content), { mode: 0o600 });
    await chmod(file, 0o600); // the mode above counts only for a file that was not there
  } catch (err) {
    throw new BrambleError('STORE_BROKEN', `cannot keep the new passwords in ${file}: ${messageOf(err)}`, {
      cause: err,
    });
  }
  await saveLogin(loginFile(context), gateway, { user, password });
  return file;
}

/** Where they are kept. */
export function passwordsFile(
  { stackName, clusterId }: Pick<StackPlace, 'stackName' | 'clusterId'>,
  context: Pick<CliContext, 'env' | 'home'>,
): string {
  return join(dirname(loginFile(context)), 'stacks', `${stackName}-${clusterId.slice(0, 8)}.yml`);
}
