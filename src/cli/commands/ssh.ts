import type { Command } from 'commander';
import { explain } from '../command.ts';
import type { CliContext } from '../context.ts';

interface SshFlags {
  readonly config: string;
}

export function addSsh(program: Command, context: CliContext): void {
  const command = program
    .command('ssh')
    .description('log in on a node, or run a command there, with its pinned host key')
    .argument('<node>', 'a node of bramble.yaml')
    .argument('[command...]', 'what to run, after --; its words arrive there as they are')
    .option('-c, --config <file>', 'the file that lists the nodes', 'bramble.yaml')
    .action(async (name: string, words: readonly string[], flags: SshFlags) => {
      const { sshTargetOf } = await import('../../../provision/up/connect.ts');
      const { openSshSession } = await import('../../../provision/remote/ssh-session.ts');
      const { findNode, readCluster } = await import('../cluster/read-cluster.ts');
      const inventory = readCluster(flags, context);
      const target = sshTargetOf(inventory, findNode(inventory, name), context.home);
      context.holdExit(); // Ctrl-C is for what runs there
      context.setExit(await openSshSession(target, words, context.env));
    });
  explain(command, {
    examples: [
      'bramble ssh pi-01',
      'bramble ssh pi-01 -- vcgencmd measure_temp',
      "bramble ssh pi-01 -- sh -c 'dmesg | tail'",
    ],
  });
}
