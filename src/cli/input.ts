import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { BrambleError } from '../support/errors.ts';
import type { CliContext, Input } from './context.ts';

const taken = new WeakSet<Input>();

/** Standard input can be read once: two flags that both ask for it are a mistake in the command. */
export function takeStdin(stdin: Input): Input {
  if (taken.has(stdin)) {
    throw new BrambleError(
      'INVALID',
      'standard input cannot be both the password and the value; give one as a file',
    );
  }
  taken.add(stdin);
  return stdin;
}

export async function readStdin(stdin: Input): Promise<Buffer> {
  return buffer(takeStdin(stdin));
}

export async function readStdinText(stdin: Input): Promise<string> {
  return (await readStdin(stdin)).toString();
}

/** Asks on the terminal without showing what is typed. */
export async function askHidden(
  question: string,
  { stdin, stderr, signal }: Pick<CliContext, 'stdin' | 'stderr' | 'signal'>,
): Promise<string> {
  const hidden = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: takeStdin(stdin), output: hidden, terminal: true });
  terminal.once('SIGINT', () => process.kill(process.pid, 'SIGINT')); // raw mode swallows Ctrl-C
  stderr.write(question);
  try {
    return await terminal.question('', { signal });
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw new BrambleError('INVALID', 'nothing was typed', { cause }); // Ctrl-D
  } finally {
    terminal.close();
    stderr.write('\n');
  }
}
