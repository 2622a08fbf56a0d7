import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { root } from './repo.ts';

export const builtCli = join(root, 'dist/cli.js');

export interface CliSurroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export interface CliResult {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the built program with an environment of its own: none of the user's logins or settings are seen. */
export function startCli(
  argv: readonly string[],
  { env = {}, cwd }: CliSurroundings,
): ChildProcessWithoutNullStreams {
  const { PATH = '' } = process.env;
  return spawn(process.execPath, [builtCli, ...argv], { cwd, env: { PATH, HOME: cwd, ...env } });
}

export async function runBuiltCli(
  argv: readonly string[],
  { stdin = '', ...surroundings }: CliSurroundings & { readonly stdin?: string | Buffer },
): Promise<CliResult> {
  const child = startCli(argv, surroundings);
  child.stdin.on('error', () => {}); // a command that does not read its input may be gone before it is written
  child.stdin.end(stdin);
  const [stdout, stderr, [exit]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { exit: typeof exit === 'number' ? exit : null, stdout, stderr };
}
