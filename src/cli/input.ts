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
  const terminal = createInterface({ input: stdin, output: hidden, terminal: true });
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

export interface Prompt {
  /** What was typed, without spaces at its ends. */
  ask(question: string): Promise<string>;
  close(): void;
}

/** One question on the terminal; resolves to what was typed, without spaces at its ends. */
export async function askOnce(
  question: string,
  context: Pick<CliContext, 'stdin' | 'stderr' | 'signal'>,
): Promise<string> {
  const prompt = openPrompt(context);
  try {
    return await prompt.ask(question);
  } finally {
    prompt.close();
  }
}

/** A question whose answer is no unless it is a yes. */
export async function askYes(
  question: string,
  context: Pick<CliContext, 'stdin' | 'stderr' | 'signal'>,
): Promise<boolean> {
  return /^y(es)?$/i.test(await askOnce(`${question} [y/N] `, context));
}

/** Asks one question after another on the terminal. Lines that were typed or pasted ahead answer the next ones. */
export function openPrompt({
  stdin,
  stderr,
  signal,
}: Pick<CliContext, 'stdin' | 'stderr' | 'signal'>): Prompt {
  const terminal = createInterface({ input: stdin, output: stderr, terminal: true, signal });
  terminal.once('SIGINT', () => process.kill(process.pid, 'SIGINT')); // raw mode swallows Ctrl-C
  const lines = terminal[Symbol.asyncIterator]();
  return {
    async ask(question) {
      terminal.setPrompt(question);
      terminal.prompt();
      const { value, done } = await lines.next();
      if (signal.aborted) throw signal.reason;
      if (done) throw new BrambleError('INVALID', 'nothing was typed'); // Ctrl-D
      return value.trim();
    },
    close: () => terminal.close(),
  };
}
