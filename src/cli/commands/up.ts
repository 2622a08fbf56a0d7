import { type Command, InvalidArgumentError } from 'commander';
import { addJson, explain } from '../command.ts';
import type { CliContext } from '../context.ts';
import type { UpFlags } from '../up/run-up.ts';
import { parseSeconds } from './deploy.ts';

export function addUp(program: Command, context: CliContext): void {
  const command = addJson(program.command('up'))
    .description('bring all nodes to what bramble.yaml wants, over SSH: Docker, the Swarm, Bramble on it')
    .option('-c, --config <file>', 'the file that lists the nodes', 'bramble.yaml')
    .option('--dry-run', 'print what would be done, as far as it is known now, and change nothing')
    .option('--only <phases>', 'these phases only, separated by commas: docker,labels', splitNames)
    .option('--limit <nodes>', 'change these nodes only, separated by commas; managers are asked', splitNames)
    .option('--wait <seconds>', 'wait at most so long for a node that boots', parseSeconds, 120)
    .option('--width <nodes>', 'work on at most so many nodes at the same time', parseWidth, 8)
    .option('-v, --verbose', 'print what each step has to say, and phases with nothing to do')
    .action(async (flags: UpFlags) => {
      const { runUp } = await import('../up/run-up.ts');
      await runUp(flags, context);
    });
  explain(command, {
    examples: [
      'bramble up --dry-run',
      'bramble up',
      'bramble up --limit pi-04 --verbose',
      'bramble up --only labels',
    ],
    json: `one object a line: { event: "phase-started", phase, title, steps }, { event: "step-started", phase, node, title },
{ event: "node-awaited", phase, node, forMs }, { event: "step-said", phase, node, title, line } with --verbose, { event: "step-ended", phase, node, title, tookMs },
{ event: "node-failed", phase, node, error }, { event: "phase-ended", phase, steps, tookMs }, { event: "remark", message },
{ event: "finished", mode, tookMs, steps, nodes, services, gateway, passwordsFile, warnings, failures }.
With --dry-run "step-planned" takes the place of "step-started" and "step-ended"`,
  });
}

function splitNames(text: string): string[] {
  return text.split(',').map((name) => name.trim());
}

function parseWidth(text: string): number {
  const width = Number(text);
  if (Number.isInteger(width) && width >= 1 && width <= 100) return width;
  throw new InvalidArgumentError('It must be a number from 1 to 100.');
}
