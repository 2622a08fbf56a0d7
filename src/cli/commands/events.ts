import type { Command } from 'commander';
import { BrambleError } from '../../support/errors.ts';
import { addGateway, explain } from '../command.ts';
import { connect, type GatewayOptions } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { renderData } from '../event-data.ts';
import { parseJson, textOf } from '../json.ts';
import { readServerSentEvents } from '../server-sent-events.ts';
import { printable } from '../table.ts';

export function addEvents(program: Command, context: CliContext): void {
  const command = addGateway(program.command('events'))
    .description('watch messages as they pass over the bus, until Ctrl-C')
    .argument('[filter]', 'MQTT topic filter; + is one level, # the rest (default: bramble/#)')
    .action(async (filter: string | undefined, options: GatewayOptions) => {
      const gateway = await connect(context, options);
      const headers = { accept: 'text/event-stream, application/json' };
      const lines = gateway.lines('/bramble/events', { query: { filter }, headers });
      for await (const { event, data } of readServerSentEvents(lines)) {
        if (event === 'cut')
          throw new BrambleError(
            'BUSY',
            `the gateway ended the stream: ${textOf(parseJson(data), 'reason')}`,
          );
        context.stdout.write(options.json ? `${data}\n` : renderMessage(parseJson(data)));
      }
    });
  explain(command, {
    examples: ['bramble events', "bramble events 'bramble/+/motion/+'", 'bramble events --json | jq .data'],
    json: 'one object a line: { topic, time, retain, contentType, properties, data | data_base64 }',
  });
}

function renderMessage(message: unknown): string {
  return `${textOf(message, 'time')}  ${printable(`${textOf(message, 'topic')}  ${renderData(message)}`)}\n`;
}
