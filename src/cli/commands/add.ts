import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type HardwareName, hardwareNames } from '../../config/cluster.ts';
import { BrambleError, messageOf } from '../../support/errors.ts';
import { addJson, explain } from '../command.ts';
import { type CliContext, type JsonOption, print } from '../context.ts';
import { replaceFile } from '../replace-file.ts';

interface AddFlags extends JsonOption {
  readonly config: string;
  readonly role: 'manager' | 'worker';
  readonly address?: string;
  readonly host?: string;
  readonly hardware?: readonly HardwareName[];
  readonly label: Readonly<Record<string, string>>;
}

export function addAdd(program: Command, context: CliContext): void {
  const command = addJson(program.command('add'))
    .description('add nodes to bramble.yaml; its comments and its order stay')
    .argument('<node...>', 'their names')
    .option('-c, --config <file>', 'the file that lists the nodes', 'bramble.yaml')
    .addOption(
      new Option('--role <role>', 'what they shall be').choices(['manager', 'worker']).default('worker'),
    )
    .option('--address <address>', 'a fixed address, with the length of its prefix: 192.168.1.24/24')
    .option('--host <host>', 'where it is reached, if not by NAME.local or its fixed address')
    .option(
      '--hardware <names>',
      `what is attached, separated by commas: ${hardwareNames.join(',')}`,
      parseHardware,
    )
    .option('--label <key=value>', 'a label of the node in the Swarm; may be given again', parseLabel, {})
    .action((names: readonly string[], flags: AddFlags) => add(names, flags, context));
  explain(command, {
    examples: [
      'bramble add pi-04',
      'bramble add pi-04 --address 192.168.1.24/24 --hardware blinkt,pir',
      'bramble add pi-04 pi-05 --role manager',
    ],
    json: '{ "file": "bramble.yaml", "added": ["pi-04"], "next": ["bramble flash pi-04", "bramble up"] }',
  });
}

async function add(names: readonly string[], flags: AddFlags, context: CliContext): Promise<void> {
  const { addNodes } = await import('../../../provision/life/add-node.ts');
  const { config: file, role, address, host, hardware, label: labels } = flags;
  if (names.length > 1 && (address ?? host) !== undefined)
    throw new BrambleError('INVALID', 'an address is one node’s; add the nodes one after the other');
  const added = names.map((name) => ({ name, role, address, host, hardware, labels }));
  const { text } = addNodes({ file, text: await readText(file), home: context.home }, added);
  await replaceFile(file, text);
  const next = [`bramble flash ${names.join(' ')}`, 'bramble up'];
  print(context, flags, { file, added: names, next }, () => {
    const lines = next.map((line) => `  ${line}\n`).join('');
    return `${file} has ${names.join(', ')} now. Next, with a card in the reader:\n${lines}`;
  });
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (err) {
    throw new BrambleError(
      'CONFIG_INVALID',
      `cannot read ${file}: ${messageOf(err)}; bramble init makes one`,
      { cause: err },
    );
  }
}

function parseHardware(text: string): HardwareName[] {
  return text.split(',').map((word) => {
    const name = hardwareNames.find((one) => one === word.trim());
    if (name === undefined)
      throw new InvalidArgumentError(`There is no ${word}; there are ${hardwareNames.join(', ')}.`);
    return name;
  });
}

function parseLabel(text: string, others: AddFlags['label']): AddFlags['label'] {
  const [key = '', ...value] = text.split('=');
  if (key === '' || value.length === 0) throw new InvalidArgumentError('Write it as room=hall.');
  return { ...others, [key]: value.join('=') };
}
