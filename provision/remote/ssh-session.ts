import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { quote } from '../../src/support/shell.ts';
import { argumentsFor, option, type SshTarget } from './ssh-arguments.ts';
import { cannotRun } from './ssh-errors.ts';

const connectSeconds = 10;

/**
 * The user's own `ssh` on this terminal: a shell there, or a command whose words arrive as they are. Resolves to its exit status, or as
 * shells have it to 128 and the signal that ended it. A host key that is not known is refused.
 */
export async function openSshSession(
  target: SshTarget,
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const strict = option('StrictHostKeyChecking', 'yes');
  const words = command.map(quote).join(' ');
  const args = [...strict, ...argumentsFor(target, { connectSeconds }), '--', target.host];
  const child = spawn('ssh', words === '' ? args : [...args, words], { env, stdio: 'inherit' });
  try {
    const [status, signalName] = await once(child, 'close');
    if (typeof status === 'number') return status;
    return 128 + (Object.entries(constants.signals).find(([name]) => name === signalName)?.[1] ?? 0);
  } catch (err) {
    throw cannotRun(err);
  }
}
