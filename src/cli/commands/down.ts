import type { Command } from 'commander';
import { addJson, explain } from '../command.ts';
import { type CliContext, print } from '../context.ts';
import type { LifeFlags } from '../life/with-life.ts';
import { parseSeconds } from './deploy.ts';

interface DownFlags extends LifeFlags {
  readonly force?: boolean;
  readonly timeout: number;
  readonly host?: string;
}

export function addDown(program: Command, context: CliContext): void {
  const command = addJson(program.command('down'))
    .description('take a node out of the cluster: its work goes elsewhere, it leaves, and is forgotten')
    .argument('<node>', 'in bramble.yaml, or taken out of it already; dead or alive')
    .option('-c, --config <file>', 'the file that lists the nodes', 'bramble.yaml')
    .option('--host <host>', 'where a node answers that is not in the file any more (default: NAME.local)')
    .option('--timeout <seconds>', 'wait at most so long until its work is elsewhere', parseSeconds, 120)
    .option(
      '--force',
      "also when it cannot be told to leave, has the broker's data, or its work finds no place",
    )
    .action((name: string, flags: DownFlags) => down(name, flags, context));
  explain(command, {
    examples: ['bramble down pi-04', 'bramble down pi-04 --force'],
    json: '{ "node": "pi-04", "outcome": "left" | "struck off" | "not there" }',
  });
}

const sentences = {
  left: 'has left the cluster; its data and its Docker are still on it (bramble reset removes them)',
  'struck off': 'is struck off; it was not told',
  'not there': 'is not in the cluster; nothing to do',
} as const;

async function down(name: string, flags: DownFlags, context: CliContext): Promise<void> {
  const { takeDown } = await import('../../../provision/life/down.ts');
  const { realReaching } = await import('../cluster/reaching.ts');
  const { strayNode, withLife } = await import('../life/with-life.ts');
  const { outcome, isInFile } = await withLife(
    {
      ...{ flags, context, parts: realReaching },
      strays: ({ nodes }) => (nodes.some((node) => node.name === name) ? [] : [strayNode(name, flags.host)]),
    },
    async (life) => ({
      outcome: await takeDown(life, {
        name,
        remote: life.remotes.get(name),
        force: flags.force ?? false,
        timeoutMs: flags.timeout * 1000,
      }),
      isInFile: life.wanted.nodes.some((node) => node.name === name),
    }),
  );
  print(context, flags, { node: name, outcome }, () => {
    const advice = isInFile ? `${flags.config} still lists it: bramble up would bring it back\n` : '';
    return `${name} ${sentences[outcome]}\n${advice}`;
  });
}
