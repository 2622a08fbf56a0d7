import { Command } from 'commander';
import { errorTable } from '../support/errors.ts';
import { addAdd } from './commands/add.ts';
import { addAgentCommands } from './commands/agent.ts';
import { addBackup } from './commands/backup.ts';
import { addBuildCommands } from './commands/build.ts';
import { addConfig } from './commands/config.ts';
import { addDeadLetters } from './commands/dead-letters.ts';
import { addDeploy } from './commands/deploy.ts';
import { addDoctor } from './commands/doctor.ts';
import { addDown } from './commands/down.ts';
import { addEvents } from './commands/events.ts';
import { addFlash } from './commands/flash.ts';
import { addFunctionCommands } from './commands/functions.ts';
import { addInit } from './commands/init.ts';
import { addInvoke } from './commands/invoke.ts';
import { addLogin } from './commands/login.ts';
import { addLogs } from './commands/logs.ts';
import { addNew } from './commands/new.ts';
import { addReset } from './commands/reset.ts';
import { addRotateTokens } from './commands/rotate-tokens.ts';
import { addSecrets } from './commands/secrets.ts';
import { addSimulate } from './commands/simulate.ts';
import { addSsh } from './commands/ssh.ts';
import { addStack } from './commands/stack.ts';
import { addStatus } from './commands/status.ts';
import { addTrust } from './commands/trust.ts';
import { addTunnel } from './commands/tunnel.ts';
import { addUp } from './commands/up.ts';
import { addUpgrade } from './commands/upgrade.ts';
import { addVersion } from './commands/version.ts';
import type { CliContext } from './context.ts';

/** The whole command line. Building it does nothing but describe; actions load what they need. */
export function createProgram(context: CliContext): Command {
  const program = new Command('bramble')
    .description('Sensors, lights and functions on a handful of Raspberry Pis')
    .version(context.version, '-V, --version', 'print the version of this program')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      outputError: () => {}, // told by whoever runs the program, in one form for all errors
    })
    .configureHelp({ subcommandTerm: termOf });

  program.commandsGroup('Agent:');
  addAgentCommands(program, context);
  addDoctor(program, context);
  addConfig(program, context);
  addStatus(program, context);
  addStack(program, context);
  program.commandsGroup('Cluster:');
  addInit(program, context);
  addFlash(program, context);
  addTrust(program, context);
  addUp(program, context);
  addSsh(program, context);
  addAdd(program, context);
  addDown(program, context);
  addUpgrade(program, context);
  addRotateTokens(program, context);
  addTunnel(program, context);
  addBackup(program, context);
  addReset(program, context);
  program.commandsGroup('Functions:');
  addNew(program, context);
  addBuildCommands(program, context);
  addDeploy(program, context);
  addFunctionCommands(program, context);
  addInvoke(program, context);
  addLogs(program, context);
  addSecrets(program, context);
  program.commandsGroup('Events:');
  addEvents(program, context);
  addDeadLetters(program, context);
  addSimulate(program, context);
  program.commandsGroup('This program:');
  addLogin(program, context);
  addVersion(program, context);
  program.addHelpCommand(
    new Command('help')
      .argument('[command]')
      .description('print the help of a command')
      .helpGroup('This program:'),
  );

  program.addHelpText('after', `\n${examples}\n\n${renderExitCodes()}`);
  return program;
}

/** Without the word `[options]`, which says nothing where every command has some. */
function termOf(command: Command): string {
  const names = [command.name(), ...command.aliases()].join('|');
  const words = command.registeredArguments.map((one) => {
    const name = one.variadic ? `${one.name()}...` : one.name();
    return one.required ? `<${name}>` : `[${name}]`;
  });
  return [names, ...words].join(' ');
}

const examples = `Examples:
  $ bramble dev                       a whole bramble on this machine, simulated
  $ bramble deploy -f stack.yml       put functions on it
  $ echo hello | bramble invoke echo  call one
  $ bramble events                    watch what happens`;

/** From the table of errors, so that the help cannot lag behind it. */
function renderExitCodes(): string {
  const codesByExit = new Map<number, string[]>([[0, ['all went well']]]);
  for (const [code, { exit }] of Object.entries(errorTable)) {
    codesByExit.set(exit, [...(codesByExit.get(exit) ?? []), code]);
  }
  const lines = [...codesByExit].sort(([a], [b]) => a - b);
  return `Exit codes:\n${lines.map(([exit, codes]) => `  ${String(exit).padEnd(4)}${codes.join(', ')}`).join('\n')}`;
}
