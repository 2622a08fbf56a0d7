import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { BrambleError } from '../support/errors.ts';
import type { Environment } from './context.ts';

/** The agent that is configured in this folder, as a client on the same machine meets it. */
export interface LocalAgent {
  /** `undefined` where the system chooses its port. */
  readonly address: string | undefined;
  readonly user: string;
  readonly password: string | undefined;
  /** Where the password is kept when it is not configured. */
  readonly passwordFile: string;
}

/** From BRAMBLE_CONFIG or bramble.yaml, and the environment; `undefined` when these cannot be used. */
export async function readLocalAgent(env: Environment): Promise<LocalAgent | undefined> {
  const { loadConfig } = await import('../config/load.ts');
  const { passwordFileName } = await import('../main/credentials.ts');
  try {
    const file = env.BRAMBLE_CONFIG || undefined;
    const { gateway, dataDir } = loadConfig({ file, defaultFile: 'bramble.yaml', env }).config;
    const { host, port, user, password, passwordFile = join(dataDir, passwordFileName) } = gateway;
    const address = port === 0 ? undefined : `http://${reachable(host)}:${port}`;
    return { address, user, password, passwordFile };
  } catch (err) {
    if (err instanceof BrambleError) return undefined; // no agent of ours was started here
    throw err;
  }
}

/** An agent that listens everywhere is met on loopback. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return isIPv6(host) ? `[${host}]` : host;
}
