import type { Command } from 'commander';
import type { Inventory } from '../../../provision/inventory.ts';
import { isThere } from '../../support/is-there.ts';
import { addGateway, explain } from '../command.ts';
import { connect, type GatewayOptions } from '../connection.ts';
import { type CliContext, print } from '../context.ts';
import { fieldOf, listOf, numberOf, textOf } from '../json.ts';
import { renderAge, renderFacts, renderTable } from '../table.ts';

interface StatusOptions extends GatewayOptions {
  readonly config: string;
}

export function addStatus(program: Command, context: CliContext): void {
  const command = addGateway(program.command('status'))
    .description('show how the cluster of bramble.yaml is; without one, the agent behind the gateway')
    .option('-c, --config <file>', 'the file that lists the nodes', 'bramble.yaml')
    .action(async (options: StatusOptions) => {
      const inventory = options.gateway === undefined ? await findCluster(options, context) : undefined;
      if (inventory === undefined) return printAgentStatus(options, context);
      const { printClusterStatus } = await import('../cluster/cluster-status.ts');
      await printClusterStatus(inventory, options, context);
    });
  explain(command, {
    examples: [
      'bramble status',
      'bramble status --gateway http://pi-01.local:8080',
      'bramble status --json | jq .warnings',
    ],
    json: `of a cluster { name, nodes: [{ name, address, role, state, docker, vitals, error, lastSeen }], services, warnings };
of an agent { node, roles, version, startedAt, bus: { state, url }, outbox, queues: [{ function, waiting, dead }] }`,
  });
}

/** `undefined` where there is no such file, or it has agents' settings only. */
async function findCluster({ config }: StatusOptions, { home }: CliContext): Promise<Inventory | undefined> {
  if (!(await isThere(config))) return undefined;
  const { readConfigFile } = await import('../../config/file.ts');
  const text = readConfigFile(config);
  if (text.tree.cluster === undefined) return undefined;
  const { readInventory } = await import('../../../provision/inventory.ts');
  return readInventory(text, home);
}

async function printAgentStatus(options: GatewayOptions, context: CliContext): Promise<void> {
  const gateway = await connect(context, options);
  const status = await gateway.ask('GET', '/bramble/status');
  print(context, options, status, () => renderStatus(status, Date.now()));
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
