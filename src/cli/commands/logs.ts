import { type Command, InvalidArgumentError } from 'commander';
import { parseDuration } from '../../functions/duration.ts';
import { addGateway, explain } from '../command.ts';
import { connect, type GatewayOptions } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { parseJson, textOf } from '../json.ts';
import { parseCount } from './functions.ts';

interface LogsOptions extends GatewayOptions {
  readonly follow?: boolean;
  readonly tail?: number;
  readonly since?: string;
}

export function addLogs(program: Command, context: CliContext): void {
  const command = addGateway(program.command('logs'))
    .description('print what a function wrote to standard error, of all its replicas in order of time')
    .argument('<name>', 'name of the function')
    .option('-f, --follow', 'go on with new lines until Ctrl-C')
    .option('--tail <lines>', 'the last lines only', parseCount)
    .option('--since <time>', 'lines since then: 10m, 1h30m, or 2026-05-01T12:00:00Z', (text) =>
      parseSince(text, Date.now()),
    )
    .action(async (name: string, options: LogsOptions) => {
      const gateway = await connect(context, options);
      const query = {
        name,
        follow: String(options.follow ?? false),
        tail: options.tail === undefined ? undefined : String(options.tail),
        since: options.since,
      };
      for await (const line of gateway.lines('/system/logs', { query })) {
        if (line !== '') context.stdout.write(options.json ? `${line}\n` : renderLogLine(line));
      }
    });
  explain(command, {
    examples: [
      'bramble logs guard --tail 20',
      'bramble logs guard -f',
      'bramble logs guard --since 10m --json',
    ],
    json: 'one object a line: { name, instance, timestamp, text }',
  });
}

function renderLogLine(line: string): string {
  const message = parseJson(line);
  return message === undefined
    ? `${line}\n`
    : `${textOf(message, 'timestamp')} ${textOf(message, 'instance')} ${textOf(message, 'text').trimEnd()}\n`;
}

/** How long ago, or when, as RFC 3339. */
export function parseSince(text: string, nowMs: number): string {
  const agoMs = parseDuration(text);
  const sinceMs = agoMs === undefined ? Date.parse(text) : nowMs - agoMs;
  if (Number.isNaN(sinceMs)) throw new InvalidArgumentError('It must be a duration such as 10m, or a time.');
  return new Date(sinceMs).toISOString();
}
