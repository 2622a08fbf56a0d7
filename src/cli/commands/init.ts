import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { BrambleError, messageOf, systemCode } from '../../support/errors.ts';
import { isThere } from '../../support/is-there.ts';
import { type AnswerTexts, findAnswers, keyFile } from '../cluster-answers.ts';
import { addJson, explain } from '../command.ts';
import { type CliContext, type JsonOption, print } from '../context.ts';
import { schemaText } from './config.ts';

interface InitFlags extends AnswerTexts, JsonOption {
  readonly output: string;
  readonly yes?: boolean;
}

export function addInit(program: Command, context: CliContext): void {
  const command = addJson(program.command('init'))
    .description(
      'begin a cluster: a bramble.yaml with its nodes, from answers to a few questions or from flags',
    )
    .option('-o, --output <file>', 'the file to write; one that is there is never changed', 'bramble.yaml')
    .option('-y, --yes', 'ask nothing; so it is without a terminal, and with --json')
    .option('--name <name>', 'name of the cluster (default: bramble)')
    .option('--nodes <nodes>', 'how many nodes, or their names with commas between (default: 3)')
    .option('--user <name>', 'who logs in on the nodes (default: pi)')
    .option('--key <file>', 'public SSH key of who may log in (default: yours in ~/.ssh)')
    .option('--wifi <ssid>', 'name of the Wi-Fi (default: none, a cable)')
    .option(
      '--country <code>',
      'where the nodes are, as the Wi-Fi must know: GB, DE (default: by your language)',
    )
    .option('--time-zone <name>', 'time zone of the nodes, as Europe/Berlin (default: that of this machine)')
    .option('--image <image>', 'path or URL of Raspberry Pi OS (default: the newest Lite for 64 bits)')
    .action((flags: InitFlags) => init(flags, context));
  explain(command, {
    examples: ['bramble init', 'bramble init --yes --nodes 5 --wifi "my network" --country DE'],
    json: '{ "file": "bramble.yaml", "name": "bramble", "nodes": ["pi-01", "pi-02", "pi-03"], "next": ["bramble flash …"] }',
  });
}

async function init({ output, yes, json, ...given }: InitFlags, context: CliContext): Promise<void> {
  const { renderExample } = await import('../../../provision/example.ts');
  if (await isThere(output)) throw taken(output);
  const mayAsk = context.stdin.isTTY === true && !yes && !json;
  const answers = await findAnswers(given, { context, file: output, mayAsk });
  await writeNew(output, renderExample(answers));
  const schema = join(dirname(output), 'bramble.schema.json');
  if (!(await isThere(schema))) await writeNew(schema, await schemaText());

  const { name, nodes, key } = answers;
  const hasKey = await isThere(await keyFile(key, { context, file: output }));
  const next = [
    ...(hasKey ? [] : ['ssh-keygen -t ed25519']),
    'bramble flash --dry-run',
    `bramble flash ${nodes[0]}`,
  ];
  print(context, { json: json ?? false }, { file: output, name, nodes, next }, () => {
    const missing = hasKey ? '' : `There is no ${key} yet. `;
    return `${output}: ${nodes.length === 1 ? 'one node' : `${nodes.length} nodes`}, ${nodes.join(', ')}. ${missing}Look it over, then:\n${next.map((line) => `  ${line}\n`).join('')}`;
  });
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (err) {
    if (systemCode(err) === 'EEXIST') throw taken(file);
    throw new BrambleError('INVALID', `cannot write ${file}: ${messageOf(err)}`, { cause: err });
  }
}

function taken(file: string): BrambleError {
  return new BrambleError(
    'CONFLICT',
    `${file} is there already and stays as it is; choose another with --output`,
  );
}
