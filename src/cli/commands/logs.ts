import { type Command, InvalidArgumentError } from 'commander';
import { parseDuration } from '../../functions/duration.ts';
import { BrambleError } from '../../support/errors.ts';
import { addGateway, explain } from '../command.ts';
import { connect, type GatewayOptions } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { parseJson, textOf } from '../json.ts';
import { printable } from '../table.ts';
import { parseCount } from './functions.ts';

interface LogsOptions extends GatewayOptions {
  readonly config: string;
  readonly node?: string;
  readonly follow?: boolean;
  readonly tail?: number;
  readonly since?: string;
}

export function addLogs(program: Command, context: CliContext): void {
  const command = addGateway(program.command('logs'))
    .description('print what a function wrote to standard error, or what the agent of a node logs')
    .argument('[name]', 'name of the function: all its replicas, in order of time')
    .option('--node <node>', 'in its place: the agent of this node of bramble.yaml, over SSH')
    .option('-c, --config <file>', 'the file that lists the nodes', 'bramble.yaml')
    .option('-f, --follow', 'go on with new lines until Ctrl-C')
    .option('--tail <lines>', 'the last lines only', parseCount)
    .option('--since <time>', 'lines since then: 10m, 1h30m, or 2026-05-01T12:00:00Z', (text) =>
      parseSince(text, Date.now()),
    )
    .action(async (name: string | undefined, options: LogsOptions) => {
      if ((name === undefined) === (options.node === undefined))
        throw new BrambleError('INVALID', 'name a function, or a node with --node');
      if (name !== undefined) return printFunctionLogs(name, options, context);
      const { printNodeLogs } = await import('../cluster/node-logs.ts');
      await printNodeLogs(options.node ?? '', options, context);
    });
  explain(command, {
    examples: [
      'bramble logs guard --tail 20',
      'bramble logs guard -f',
      'bramble logs guard --since 10m --json',
      'bramble logs --node pi-01 --tail 50',
    ],
    json: 'one object a line: { name, instance, timestamp, text }, of a node { node, timestamp, text }',
  });
}

async function printFunctionLogs(name: string, options: LogsOptions, context: CliContext): Promise<void> {
  const gateway = await connect(context, options);
  const query = {
    name,
    follow: String(options.follow ?? false),
    tail: options.tail === undefined ? undefined : String(options.tail),
    since: options.since,
  };
  let isEmpty = true;
  for await (const line of gateway.lines('/system/logs', { query })) {
    if (line === '') continue;
    isEmpty = false;
    context.stdout.write(options.json ? `${line}\n` : renderLogLine(line));
  }
  if (isEmpty && !options.json) context.stderr.write(`${name} logged nothing\n`);
}

/** What a function writes must not move the cursor of whoever reads it. */
export function renderLogLine(line: string): string {
  const message = parseJson(line);
  const shown =
    message === undefined
      ? line
      : `${textOf(message, 'timestamp')} ${textOf(message, 'instance')} ${textOf(message, 'text').trimEnd()}`;
  return `${printable(shown)}\n`;
}

/** How long ago, or when, as RFC 3339. */
export function parseSince(text: string, nowMs: number): string {
  const agoMs = parseDuration(text);
  const sinceMs = agoMs === undefined ? Date.parse(text) : nowMs - agoMs;
  if (Number.isNaN(sinceMs)) throw new InvalidArgumentError('It must be a duration such as 10m, or a time.');
  return new Date(sinceMs).toISOString();
}
