import type { Command } from 'commander';
import { addJson, explain } from '../command.ts';
import type { CliContext } from '../context.ts';
import type { BackupFlags } from '../life/backup-cluster.ts';
import type { RestoreFlags } from '../life/restore-cluster.ts';

export function addBackup(program: Command, context: CliContext): void {
  const backup = addPassword(program.command('backup'))
    .description(
      'save what a cluster would need to begin again, sealed with a password: Swarm, broker, project, passwords',
    )
    .option('-o, --output <file>', 'a new file (default: NAME-YYYY-MM-DD.bramble-backup)')
    .action(async (flags: BackupFlags) => {
      const { backUpCluster } = await import('../life/backup-cluster.ts');
      await backUpCluster(flags, context);
    });
  explain(backup, {
    examples: ['bramble backup', 'BRAMBLE_BACKUP_PASSWORD=… bramble backup --output home.bramble-backup'],
    json: '{ "file": "home.bramble-backup", "bytes": 123456 }',
  });

  const restore = addPassword(program.command('restore'))
    .description('begin a saved cluster again on its first manager, which must be in none')
    .argument('<file>', 'what bramble backup has made')
    .action(async (file: string, flags: RestoreFlags) => {
      const { restoreCluster } = await import('../life/restore-cluster.ts');
      await restoreCluster(file, flags, context);
    });
  explain(restore, {
    examples: ['bramble restore home.bramble-backup'],
    json: '{ "cluster": "bramble", "createdAt": "…", "files": ["bramble.yaml"], "next": ["bramble up"] }',
  });
}

function addPassword(command: Command): Command {
  return addJson(command)
    .option('-c, --config <file>', 'the file that lists the nodes', 'bramble.yaml')
    .option(
      '--password-file <file>',
      'file with the password, readable by you alone (default: it is asked for)',
    );
}
