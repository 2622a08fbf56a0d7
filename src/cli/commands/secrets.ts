import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { BrambleError, messageOf } from '../../support/errors.ts';
import { addGateway, explain } from '../command.ts';
import { connect, type GatewayOptions } from '../connection.ts';
import { type CliContext, print } from '../context.ts';
import { askHidden, readStdin } from '../input.ts';
import { listOf, textOf } from '../json.ts';
import { renderTable } from '../table.ts';

interface ValueOptions extends GatewayOptions {
  readonly fromFile?: string;
  readonly fromEnv?: string;
  readonly trim: boolean;
}

const path = '/system/secrets';

export function addSecrets(program: Command, context: CliContext): void {
  const secret = program
    .command('secret')
    .description('values that functions read as files, such as keys and passwords');
  explain(secret, { examples: ['bramble secret list', 'bramble secret create api-key --from-file key.txt'] });
  addListSecrets(secret, context);
  addValueCommand(secret, context, { verb: 'create', method: 'POST', done: 'created' });
  addValueCommand(secret, context, { verb: 'replace', alias: 'update', method: 'PUT', done: 'replaced' });
  addRemoveSecret(secret, context);
}

function addListSecrets(secret: Command, context: CliContext): void {
  const command = addGateway(secret.command('list').alias('ls'))
    .description('list the names of secrets; values are never given back')
    .action(async (options: GatewayOptions) => {
      const gateway = await connect(context, options);
      const secrets = listOf(await gateway.ask('GET', path));
      const rows = secrets.map((one) => [textOf(one, 'name')]);
      print(context, options, secrets, () => renderTable(['SECRET'], rows, 'There are no secrets.'));
    });
  explain(command, { examples: ['bramble secret list'], json: '[{ "name": "api-key" }]' });
}

interface ValueCommand {
  readonly verb: 'create' | 'replace';
  readonly alias?: string;
  readonly method: 'POST' | 'PUT';
  readonly done: string;
}

/** No option takes the value itself: every user of the machine can read command lines, and shells keep them. */
function addValueCommand(
  secret: Command,
  context: CliContext,
  { verb, alias, method, done }: ValueCommand,
): void {
  const command = addGateway(secret.command(verb))
    .description(`${verb} a secret; its value comes from standard input, a file or a variable`)
    .argument('<name>', 'name of the secret')
    .option('--from-file <path>', 'read the value from a file')
    .addOption(
      new Option('--from-env <variable>', 'read the value from an environment variable').conflicts(
        'fromFile',
      ),
    )
    .option('--no-trim', 'keep a line end at the end of the value')
    .action(async (name: string, options: ValueOptions) => {
      const value = await readValue(options, context);
      const gateway = await connect(context, options);
      await gateway.ask(method, path, {
        body: { name, ...encodeValue(options.trim ? trimLineEnd(value) : value) },
      });
      print(context, options, { name, outcome: done }, () => `secret ${name} ${done}\n`);
    });
  if (alias !== undefined) command.alias(alias);
  explain(command, {
    examples: [
      `bramble secret ${verb} api-key --from-file key.txt`,
      `pass show api-key | bramble secret ${verb} api-key`,
    ],
    json: `{ "name": "api-key", "outcome": "${done}" }`,
  });
}

async function readValue({ fromFile, fromEnv }: ValueOptions, context: CliContext): Promise<Buffer> {
  if (fromEnv !== undefined) {
    const value = context.env[fromEnv];
    if (value === undefined)
      throw new BrambleError('INVALID', `the environment variable ${fromEnv} is not set`);
    return Buffer.from(value);
  }
  if (fromFile !== undefined) {
    return readFile(fromFile).catch((err: unknown) => {
      throw new BrambleError('INVALID', `cannot read the secret from ${fromFile}: ${messageOf(err)}`, {
        cause: err,
      });
    });
  }
  return context.stdin.isTTY ? Buffer.from(await askHidden('Value: ', context)) : readStdin(context.stdin);
}

/** Text as text, which every gateway takes; anything else in the base64 field of newer ones. */
function encodeValue(value: Buffer): { value: string } | { rawValue: string } {
  const text = value.toString();
  return Buffer.from(text).equals(value) ? { value: text } : { rawValue: value.toString('base64') };
}

/** What `echo` and editors add is rarely part of a password. */
function trimLineEnd(value: Buffer): Buffer {
  const lineEnd = /\r?\n$/.exec(value.subarray(-2).toString('latin1'))?.[0].length ?? 0;
  return value.subarray(0, value.length - lineEnd);
}

function addRemoveSecret(secret: Command, context: CliContext): void {
  const command = addGateway(secret.command('remove').alias('rm'))
    .description('remove a secret that no function uses any more')
    .argument('<name>', 'name of the secret')
    .action(async (name: string, options: GatewayOptions) => {
      const gateway = await connect(context, options);
      await gateway.ask('DELETE', path, { body: { name } });
      print(context, options, { name, outcome: 'removed' }, () => `secret ${name} removed\n`);
    });
  explain(command, {
    examples: ['bramble secret remove api-key'],
    json: '{ "name": "api-key", "outcome": "removed" }',
  });
}
