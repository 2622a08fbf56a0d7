import type { Command } from 'commander';
import { addGateway, explain } from '../command.ts';
import { connect, type GatewayOptions } from '../connection.ts';
import { type CliContext, print } from '../context.ts';
import { fieldOf, listOf, numberOf, textOf } from '../json.ts';
import { renderAge, renderFacts, renderTable } from '../table.ts';

export function addStatus(program: Command, context: CliContext): void {
  const command = addGateway(program.command('status'))
    .description('show how the agent behind the gateway is: broker, events on their way, queues')
    .action(async (options: GatewayOptions) => {
      const gateway = await connect(context, options);
      const status = await gateway.ask('GET', '/bramble/status');
      print(context, options, status, () => renderStatus(status, Date.now()));
    });
  explain(command, {
    examples: ['bramble status', 'bramble status --json | jq .bus.state'],
    json: '{ node, roles, version, startedAt, bus: { state, url }, outbox, queues: [{ function, waiting, dead }] }',
  });
}

function renderStatus(status: unknown, nowMs: number): string {
  const bus = fieldOf(status, 'bus');
  const queues = listOf(status, 'queues').map((queue) => [
    textOf(queue, 'function'),
    String(numberOf(queue, 'waiting')),
    String(numberOf(queue, 'dead')),
  ]);
  const facts = renderFacts([
    ['Node', textOf(status, 'node')],
    ['Version', textOf(status, 'version')],
    ['Roles', listOf(status, 'roles').join(', ')],
    ['Up', renderAge(nowMs - Date.parse(textOf(status, 'startedAt')))],
    ['Broker', `${textOf(bus, 'state')}, ${textOf(bus, 'url')}`],
    ['Outbox', `${numberOf(status, 'outbox')} events wait to be confirmed`],
  ]);
  return `${facts}\n${renderTable(['FUNCTION', 'WAITING', 'DEAD'], queues, 'No event waits for a function.')}`;
}
