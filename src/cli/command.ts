import type { Command } from 'commander';

/** Help that a newcomer can copy from: every command has examples, and says what `--json` gives where it has it. */
export function explain(
  command: Command,
  { examples, json }: { examples: readonly string[]; json?: string },
): Command {
  const lines = examples.map((example) => `  $ ${example}`);
  command.addHelpText('after', `\n${examples.length > 1 ? 'Examples' : 'Example'}:\n${lines.join('\n')}`);
  if (json !== undefined)
    command.addHelpText('after', `\nOutput with --json:\n  ${json.replaceAll('\n', '\n  ')}`);
  return command;
}

/** A command that prints JSON when asked. */
export function addJson(command: Command): Command {
  return command.option('--json', 'print JSON for programs; errors too, on standard error');
}

/** A command that talks to functions: no credentials are sent. */
export function addAddress(command: Command): Command {
  return addJson(command)
    .optionsGroup('Gateway:')
    .option('-g, --gateway <url>', 'its address (default: as configured here, else http://127.0.0.1:8080)')
    .optionsGroup('Options:');
}

/** A command that talks to the gateway's protected part. */
export function addGateway(command: Command): Command {
  return addAddress(command)
    .optionsGroup('Gateway:')
    .option('-u, --user <name>', 'user there (default: admin)')
    .option('--password-stdin', 'read the password from standard input')
    .optionsGroup('Options:');
}
