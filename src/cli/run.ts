import { type Command, CommanderError } from 'commander';
import { BrambleError, toBrambleError } from '../support/errors.ts';
import type { CliContext } from './context.ts';
import { createProgram } from './program.ts';
import { printable } from './table.ts';

/** Runs one command line (without `node` and the script's name). Never rejects: resolves to the exit status. */
export async function runCli(
  argv: readonly string[],
  parts: Omit<CliContext, 'setExit' | 'atEnd'>,
): Promise<number> {
  let exit = 0;
  const closing: (() => Promise<void>)[] = [];
  const context: CliContext = {
    ...parts,
    setExit: (status) => {
      exit = status;
    },
    atEnd: (close) => {
      closing.push(close);
    },
  };
  const program = createProgram(context);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exit;
  } catch (err) {
    if (err instanceof CommanderError && isAnswered(err)) return err.exitCode === 0 ? 0 : 2;
    if (context.signal.aborted) return toBrambleError(context.signal.reason).exit; // whoever stopped us knows why
    const error = err instanceof CommanderError ? usageError(err, program, argv) : toBrambleError(err);
    context.stderr.write(renderError(error, { json: asksForJson(argv) }));
    return error.exit;
  } finally {
    await Promise.all(closing.map((close) => close()));
  }
}

/** Help and version, wanted or for want of a command, are on the screen already. */
function isAnswered({ code }: CommanderError): boolean {
  return ['commander.helpDisplayed', 'commander.help', 'commander.version'].includes(code);
}

function usageError({ message }: CommanderError, program: Command, argv: readonly string[]): BrambleError {
  const sentence = message.replace(/^error: /, '').replace(/\n/g, ' ');
  return new BrambleError('INVALID', `${sentence}; see ${nameOf(program, argv)} --help`);
}

/** Full name of the deepest command on the line: `bramble secret create`. */
function nameOf(command: Command, [word, ...rest]: readonly string[]): string {
  if (word === undefined) return command.name();
  const next = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
  return next === undefined ? command.name() : `${command.name()} ${nameOf(next, rest)}`;
}

function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).includes('--json');
}

/** One sentence; for a defect of this program, and not of the gateway, also where it came from. */
export function renderError(error: BrambleError, { json }: { json: boolean }): string {
  const { code, message, problems, cause } = error;
  if (json) return `${JSON.stringify({ error: { code, message, problems } })}\n`;
  const shown = message.split('\n').map(printable).join('\n'); // it may quote what a device or a stranger sent
  if (code !== 'INTERNAL' || !(cause instanceof Error)) return `bramble: ${shown}\n`;
  return `bramble: this should not have happened: ${shown}\n${cause.stack ?? ''}\n`;
}
