import type { Command } from 'commander';
import { addJson, explain } from '../command.ts';
import type { CliContext } from '../context.ts';
import type { UpgradeFlags } from '../life/upgrade.ts';
import { parseSeconds } from './deploy.ts';

export function addUpgrade(program: Command, context: CliContext): void {
  const command = addJson(program.command('upgrade'))
    .description(
      'bring another version of Bramble to all nodes, one after the other, and back again if one does not get healthy',
    )
    .option('-c, --config <file>', 'the file that lists the nodes', 'bramble.yaml')
    .option(
      '--image <image>',
      'reference or archive of the agent (default: as the file says, else this version); kept in the file once the cluster runs it',
    )
    .option('--dry-run', 'print what would be done, and change nothing')
    .option('--wait <seconds>', 'wait at most so long for a node that boots', parseSeconds, 120)
    .option('-v, --verbose', 'print what each step has to say')
    .action(async (flags: UpgradeFlags) => {
      const { upgrade } = await import('../life/upgrade.ts');
      await upgrade(flags, context);
    });
  explain(command, {
    examples: [
      'bramble upgrade',
      'bramble upgrade --image registry.local:5000/bramble:0.2.0',
      'bramble upgrade --image ./bramble-0.2.0.tar',
    ],
    json: 'one object a line, as bramble up --json prints them',
  });
}
