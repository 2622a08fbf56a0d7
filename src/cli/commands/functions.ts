import { type Command, InvalidArgumentError } from 'commander';
import { BrambleError } from '../../support/errors.ts';
import { addGateway, explain } from '../command.ts';
import { connect, type GatewayOptions } from '../connection.ts';
import { type CliContext, print } from '../context.ts';
import {
  addressOfFunction,
  describe,
  type FunctionView,
  renderTriggers,
  toFunctionView,
} from '../functions.ts';
import type { Gateway } from '../gateway.ts';
import { listOf } from '../json.ts';
import { renderAge, renderFacts, renderTable } from '../table.ts';

export function addFunctionCommands(program: Command, context: CliContext): void {
  addList(program, context);
  addDescribe(program, context);
  addRemove(program, context);
  addScale(program, context);
}

function addList(program: Command, context: CliContext): void {
  const list = addGateway(program.command('list').alias('ls'))
    .description('list the functions that are deployed')
    .action(async (options: GatewayOptions) => {
      const gateway = await connect(context, options);
      const functions = listOf(await gateway.ask('GET', '/system/functions'));
      print(context, options, functions, () => renderFunctions(functions.map(toFunctionView)));
    });
  explain(list, {
    examples: ['bramble list', 'bramble ls --json | jq -r .[].name'],
    json: 'array of FunctionStatus as the gateway gives it:\n{ name, image, replicas, availableReplicas, invocationCount, labels, annotations, … }',
  });
}

function renderFunctions(functions: readonly FunctionView[]): string {
  const rows = [...functions]
    .sort((a, b) => a.name.localeCompare(b.name))
    .map((one) => [
      one.name,
      `${one.availableReplicas}/${one.replicas}`,
      String(one.invocationCount),
      one.image,
      renderTriggers(one),
    ]);
  // The longest last: on a narrow terminal it alone wraps.
  const titles = ['FUNCTION', 'READY', 'CALLS', 'IMAGE', 'TRIGGERS'];
  return renderTable(
    titles,
    rows,
    'No functions are deployed. Deploy some with: bramble deploy -f stack.yml',
  );
}

function addDescribe(program: Command, context: CliContext): void {
  const command = addGateway(program.command('describe'))
    .description('show everything about one function')
    .argument('<name>', 'name of the function')
    .action(async (name: string, options: GatewayOptions) => {
      const gateway = await connect(context, options);
      const status = await describe(gateway, name);
      print(context, options, status, () => renderFunction(toFunctionView(status), gateway, Date.now()));
    });
  explain(command, {
    examples: ['bramble describe guard', 'bramble describe guard --json'],
    json: 'one FunctionStatus as the gateway gives it',
  });
}

function renderFunction(one: FunctionView, gateway: Gateway, nowMs: number): string {
  const createdMs = Date.parse(one.createdAt);
  return renderFacts([
    ['Name', one.name],
    ['State', renderState(one)],
    ['Replicas', `${one.availableReplicas} of ${one.replicas}`],
    ['Calls', String(one.invocationCount)],
    ['Image', one.image],
    ['Command', one.command],
    ['Triggers', renderTriggers(one)],
    ['Address', addressOfFunction(gateway, one.name)],
    ['Secrets', one.secrets.join(', ')],
    ...section('Label', one.labels),
    ...section('Annotation', one.annotations),
    ...section('Environment', one.environment),
    ['Created', createdMs > 0 ? `${one.createdAt} (${renderAge(nowMs - createdMs)} ago)` : ''],
  ]);
}

function renderState({ replicas, availableReplicas }: FunctionView): string {
  if (availableReplicas > 0) return 'ready';
  return replicas === 0 ? 'scaled to zero' : 'not ready';
}

function section(title: string, entries: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(entries).map(([key, value]) => [title, `${key}=${value}`]);
}

interface RemoveOptions extends GatewayOptions {
  readonly file?: string;
}

function addRemove(program: Command, context: CliContext): void {
  const command = addGateway(program.command('remove').alias('rm'))
    .description('remove functions; what waits for them becomes dead letters')
    .argument('[names...]', 'names of functions')
    .option('-f, --file <stack.yml>', 'remove every function that this stack file names')
    .action(async (names: readonly string[], options: RemoveOptions) => {
      const stack = await namedByStack(options.file, context);
      const gateway = await connect(context, { ...options, stackGateway: stack.gateway });
      const wanted = [...names, ...stack.names];
      if (wanted.length === 0)
        throw new BrambleError('INVALID', 'name the functions to remove, or give -f stack.yml');
      for (const name of wanted) {
        await gateway.ask('DELETE', '/system/functions', { body: { functionName: name } });
        if (!options.json) context.stdout.write(`${name} removed\n`);
      }
      if (options.json) print(context, options, { removed: wanted }, () => '');
    });
  explain(command, {
    examples: ['bramble remove echo', 'bramble rm -f stack.yml'],
    json: '{ "removed": ["echo"] }',
  });
}

async function namedByStack(
  file: string | undefined,
  { env }: CliContext,
): Promise<{ gateway?: string | undefined; names: readonly string[] }> {
  if (file === undefined) return { names: [] };
  const { readStack } = await import('../../functions/stack-file.ts');
  const { gateway, functions } = await readStack(file, env);
  return { gateway, names: functions.map(({ service }) => service) };
}

function addScale(program: Command, context: CliContext): void {
  const command = addGateway(program.command('scale'))
    .description('set how many replicas of a function run')
    .argument('<name>', 'name of the function')
    .argument('<replicas>', 'how many; 0 stops it until it is called', parseCount)
    .action(async (name: string, replicas: number, options: GatewayOptions) => {
      const gateway = await connect(context, options);
      const path = `/system/scale-function/${encodeURIComponent(name)}`;
      await gateway.ask('POST', path, { body: { serviceName: name, replicas } });
      print(context, options, { name, replicas }, () => `${name} scales to ${replicas}\n`);
    });
  explain(command, {
    examples: ['bramble scale echo 3', 'bramble scale echo 0'],
    json: '{ "name": "echo", "replicas": 3 }',
  });
}

/** An argument or option that is a whole number from 0. */
export function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 0.');
}
