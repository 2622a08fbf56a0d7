import type { Command } from 'commander';
import { addJson, explain } from '../command.ts';
import type { CliContext } from '../context.ts';
import type { ResetFlags } from '../life/reset-cluster.ts';
import { parseSeconds } from './deploy.ts';

export function addReset(program: Command, context: CliContext): void {
  const command = addJson(program.command('reset'))
    .description(
      'take Bramble, its Swarm and all its data away from nodes; asks for the name of the cluster first',
    )
    .argument(
      '[node...]',
      'these only, while the cluster goes on without them (default: all, and with them the cluster)',
    )
    .option('-c, --config <file>', 'the file that lists the nodes', 'bramble.yaml')
    .option('--yes-i-mean <name>', 'name of the cluster, in place of typing it')
    .option('--purge', 'remove Docker as well, with all its images, containers and volumes')
    .option(
      '--timeout <seconds>',
      'wait at most so long until the work of a node is elsewhere',
      parseSeconds,
      120,
    )
    .action(async (names: readonly string[], flags: ResetFlags) => {
      const { resetCluster } = await import('../life/reset-cluster.ts');
      await resetCluster(names, flags, context);
    });
  explain(command, {
    examples: ['bramble reset', 'bramble reset pi-04', 'bramble reset --yes-i-mean bramble --purge'],
    json: '{ "reset": ["pi-01", …], "failed": [{ "node": "pi-02", "error": { "code": …, "message": … } }] }',
  });
}
