import { type Command, InvalidArgumentError, Option } from 'commander';
import { BrambleError } from '../../support/errors.ts';
import { addGateway, explain } from '../command.ts';
import { connect, type GatewayOptions } from '../connection.ts';
import { type CliContext, print } from '../context.ts';
import { renderData } from '../event-data.ts';
import type { Gateway } from '../gateway.ts';
import { fieldOf, listOf, numberOf, textOf } from '../json.ts';
import { renderAge, renderFacts, renderTable } from '../table.ts';

const path = '/bramble/dead-letters';
/** Most that the gateway gives, and takes, at once. */
const pageSize = 1_000;

export function addDeadLetters(program: Command, context: CliContext): void {
  const letters = program
    .command('dead-letters')
    .alias('dl')
    .description('events that no function could handle: read them, try them again, delete them');
  explain(letters, {
    examples: ['bramble dead-letters list', 'bramble dead-letters replay --function guard'],
  });
  addListLetters(letters, context);
  addShowLetter(letters, context);
  addReplay(letters, context);
  addPurge(letters, context);
}

interface ListOptions extends GatewayOptions {
  readonly function?: string;
  readonly limit: number;
}

function addListLetters(letters: Command, context: CliContext): void {
  const command = addGateway(letters.command('list').alias('ls'))
    .description('list dead letters, newest first')
    .option('--function <name>', 'those of this function only')
    .option('--limit <number>', 'at most so many', parseLimit, 100)
    .action(async (options: ListOptions) => {
      const gateway = await connect(context, options);
      const query = { function: options.function, limit: String(options.limit) };
      const found = listOf(await gateway.ask('GET', path, { query }));
      print(context, options, found, () => renderLetters(found, Date.now()));
    });
  explain(command, {
    examples: ['bramble dead-letters list', 'bramble dead-letters list --function guard --json'],
    json: '[{ id, function, attempts, status, reason, diedAt, event: { id, source, type, time, topic, contentType, hops, dataBytes } }]',
  });
}

function renderLetters(letters: readonly unknown[], nowMs: number): string {
  const rows = letters.map((letter) => [
    textOf(letter, 'id'),
    textOf(letter, 'function'),
    renderAge(nowMs - Date.parse(textOf(letter, 'diedAt'))),
    textOf(letter, 'attempts'),
    textOf(letter, 'status') || '-',
    textOf(fieldOf(letter, 'event'), 'topic'),
    textOf(letter, 'reason'),
  ]);
  const titles = ['ID', 'FUNCTION', 'AGE', 'TRIES', 'STATUS', 'TOPIC', 'REASON'];
  return renderTable(titles, rows, 'There are no dead letters.');
}

function addShowLetter(letters: Command, context: CliContext): void {
  const command = addGateway(letters.command('show'))
    .description('show one dead letter with its data')
    .argument('<id>', 'number of the dead letter', parseId)
    .action(async (id: number, options: GatewayOptions) => {
      const gateway = await connect(context, options);
      const letter = await gateway.ask('GET', `${path}/${id}`);
      print(context, options, letter, () => renderLetter(letter));
    });
  explain(command, {
    examples: ['bramble dead-letters show 17', 'bramble dead-letters show 17 --json | jq .event.data'],
    json: 'one dead letter as in list, with event.data, or event.data_base64 for what is not text',
  });
}

function renderLetter(letter: unknown): string {
  const event = fieldOf(letter, 'event');
  return renderFacts([
    ['Id', textOf(letter, 'id')],
    ['Function', textOf(letter, 'function')],
    ['Died', textOf(letter, 'diedAt')],
    ['Reason', textOf(letter, 'reason')],
    ['Status', textOf(letter, 'status')],
    ['Attempts', textOf(letter, 'attempts')],
    ['Event', textOf(event, 'id')],
    ['Type', textOf(event, 'type')],
    ['Time', textOf(event, 'time')],
    ['Topic', textOf(event, 'topic')],
    ['Hops', textOf(event, 'hops')],
    ['Content type', textOf(event, 'contentType')],
    ['Data', renderData(event)],
  ]);
}

interface Selection extends GatewayOptions {
  readonly function?: string;
  readonly all?: boolean;
}

/** Which dead letters are meant must be said, so that a slip of the hand does not mean all of them. */
function addSelection(command: Command, verb: string): Command {
  return command
    .argument('[ids...]', 'numbers of dead letters', (text, before: number[] | undefined) => [
      ...(before ?? []),
      parseId(text),
    ])
    .option('--function <name>', `${verb} all dead letters of this function`)
    .addOption(new Option('--all', `${verb} all dead letters`).conflicts('function'));
}

function checkSelection(ids: readonly number[], { function: name, all }: Selection): void {
  const isByIds = ids.length > 0;
  const isByFlag = name !== undefined || all === true;
  if (isByIds !== isByFlag) return;
  throw new BrambleError(
    'INVALID',
    'say which dead letters: either their numbers, or --function NAME, or --all',
  );
}

function addReplay(letters: Command, context: CliContext): void {
  const command = addSelection(addGateway(letters.command('replay')), 'replay')
    .description('hand dead letters to their functions once more')
    .action(async (ids: readonly number[], options: Selection) => {
      checkSelection(ids, options);
      const gateway = await connect(context, options);
      const replayed =
        ids.length > 0 ? await replayEach(gateway, ids) : await replayAll(gateway, options.function);
      print(context, options, replayed, () => renderReplayed(replayed));
    });
  explain(command, {
    examples: ['bramble dead-letters replay 17 18', 'bramble dead-letters replay --function guard'],
    json: '{ "replayed": 2, "functions": ["guard"] }',
  });
}

interface Replayed {
  readonly replayed: number;
  readonly functions: readonly string[];
}

function renderReplayed({ replayed, functions }: Replayed): string {
  return replayed === 0
    ? 'There are no dead letters.\n'
    : `${replayed} queued again for ${functions.join(', ')}\n`;
}

/** One by one: a number that does not exist is an error and not passed over. */
async function replayEach(gateway: Gateway, ids: readonly number[]): Promise<Replayed> {
  let total: Replayed = { replayed: 0, functions: [] };
  for (const id of ids) total = add(total, await gateway.ask('POST', `${path}/${id}/replay`));
  return total;
}

/** Page by page towards older ones: what dies again meanwhile is newer and is not met twice. */
async function replayAll(gateway: Gateway, name: string | undefined): Promise<Replayed> {
  let total: Replayed = { replayed: 0, functions: [] };
  let before: string | undefined;
  for (;;) {
    const query = { function: name, limit: String(pageSize), before };
    const ids = listOf(await gateway.ask('GET', path, { query })).map((letter) => numberOf(letter, 'id'));
    if (ids.length === 0) return total;
    total = add(total, await gateway.ask('POST', `${path}/replay`, { body: { ids } }));
    before = String(Math.min(...ids));
  }
}

function add({ replayed, functions }: Replayed, answer: unknown): Replayed {
  const more = listOf(answer, 'functions').map(String);
  return {
    replayed: replayed + numberOf(answer, 'replayed'),
    functions: [...new Set([...functions, ...more])],
  };
}

function addPurge(letters: Command, context: CliContext): void {
  const command = addSelection(addGateway(letters.command('purge')), 'delete')
    .description('delete dead letters for good')
    .action(async (ids: readonly number[], options: Selection) => {
      checkSelection(ids, options);
      const gateway = await connect(context, options);
      const deleted = ids.length > 0 ? await purgeEach(gateway, ids) : await purgeAll(gateway, options);
      print(context, options, { deleted }, () => `${deleted} deleted\n`);
    });
  explain(command, {
    examples: [
      'bramble dead-letters purge 17',
      'bramble dead-letters purge --function guard',
      'bramble dead-letters purge --all',
    ],
    json: '{ "deleted": 1 }',
  });
}

async function purgeEach(gateway: Gateway, ids: readonly number[]): Promise<number> {
  let deleted = 0;
  for (const id of ids) deleted += numberOf(await gateway.ask('DELETE', `${path}/${id}`), 'deleted');
  return deleted;
}

async function purgeAll(gateway: Gateway, { function: name, all }: Selection): Promise<number> {
  const query = { function: name, all: all ? 'true' : undefined };
  return numberOf(await gateway.ask('DELETE', path, { query }), 'deleted');
}

function parseId(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be the number of a dead letter, as list shows it.');
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= pageSize) return limit;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${pageSize}.`);
}
