import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Login {
  readonly user: string;
  readonly port: number;
  readonly key: string;
  /** What this file does not have is not trusted. */
  readonly knownHosts: string;
}

/** As OpenSSH is to be told, so that nothing of the user's own settings counts. */
export function sshOptions({ port, key, knownHosts }: Login): string[] {
  const settings = [
    ...['BatchMode=yes', 'StrictHostKeyChecking=yes', `UserKnownHostsFile=${knownHosts}`],
    ...['GlobalKnownHostsFile=none', 'IdentitiesOnly=yes', 'ConnectTimeout=120'],
  ];
  return ['-F', 'none', '-i', key, '-p', String(port), ...settings.flatMap((setting) => ['-o', setting])];
}

/**
 * Asks a node everything in one login, because a login takes seconds where a processor is emulated: of each command, what it
 * prints. Tries to get in once only.
 */
export async function askNode<Name extends string>(
  login: Login,
  commands: Readonly<Record<Name, string>>,
): Promise<Readonly<Record<Name, string>>> {
  const asked = Object.entries<string>(commands);
  const script = asked.map(([, command]) => `{ ${command}; } 2>&1; printf '\\0'`).join('\n');
  const target = `${login.user}@127.0.0.1`;
  const { stdout } = await run('ssh', [...sshOptions(login), target, script], { timeout: 600_000 });
  const answers = stdout.split('\0');
  return Object.fromEntries(asked.map(([name], index) => [name, answers[index]?.trim() ?? ''])) as Record<
    Name,
    string
  >; // the same names as those of `commands`
}
