import { type Command, InvalidArgumentError } from 'commander';
import { addJson, explain } from '../command.ts';
import type { CliContext, JsonOption } from '../context.ts';

interface TrustFlags extends JsonOption {
  readonly config: string;
  readonly fingerprint: Readonly<Record<string, string>>;
}

export function addTrust(program: Command, context: CliContext): void {
  const command = addJson(program.command('trust'))
    .description('confirm once the SSH host keys of nodes that were not flashed here')
    .argument('[node...]', 'nodes of bramble.yaml (default: those of --fingerprint, else all)')
    .option('-c, --config <file>', 'the file that lists the nodes', 'bramble.yaml')
    .option(
      '--fingerprint <node=SHA256:…>',
      'the key that a node must show; nothing is asked',
      addExpected,
      {},
    )
    .action((names: readonly string[], flags: TrustFlags) => trust(names, flags, context));
  explain(command, {
    examples: [
      'bramble trust',
      'bramble trust pi-04',
      'bramble trust --fingerprint pi-04=SHA256:YQj4f0PI8BKc5tMyLCwnRE2Hb1cvHkNMZEcSLBvBFTk',
    ],
    json: '[{ node, host, fingerprint }]; it needs --fingerprint',
  });
}

async function trust(names: readonly string[], flags: TrustFlags, context: CliContext): Promise<void> {
  const { trustNodes } = await import('../cluster/trust-nodes.ts');
  await trustNodes(names, flags, context);
}

function addExpected(text: string, before: TrustFlags['fingerprint']): TrustFlags['fingerprint'] {
  const [, node, fingerprint] = /^([^=]+)=(SHA256:[A-Za-z0-9+/]{43})=?$/.exec(text) ?? [];
  if (node === undefined || fingerprint === undefined)
    throw new InvalidArgumentError('It must be of the form pi-01=SHA256:…, as ssh-keygen -l prints it.');
  return { ...before, [node]: fingerprint };
}
