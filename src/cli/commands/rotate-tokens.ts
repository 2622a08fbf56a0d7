import type { Command } from 'commander';
import { addJson, explain } from '../command.ts';
import { type CliContext, print } from '../context.ts';
import type { LifeFlags } from '../life/with-life.ts';

export function addRotateTokens(program: Command, context: CliContext): void {
  const command = addJson(program.command('rotate-tokens'))
    .description('make the tokens worthless that nodes have joined with; nodes that are in stay in')
    .option('-c, --config <file>', 'the file that lists the nodes', 'bramble.yaml')
    .action(async (flags: LifeFlags) => {
      const { rotateTokens } = await import('../../../provision/life/rotate-tokens.ts');
      const { realReaching } = await import('../cluster/reaching.ts');
      const { withLife } = await import('../life/with-life.ts');
      await withLife({ flags, context, parts: realReaching }, rotateTokens);
      print(
        context,
        flags,
        { outcome: 'rotated' },
        () => 'the Swarm has new tokens; bramble up knows to ask for them\n',
      );
    });
  explain(command, { examples: ['bramble rotate-tokens'], json: '{ "outcome": "rotated" }' });
}
