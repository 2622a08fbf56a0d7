import { type Command, InvalidArgumentError } from 'commander';
import { addJson, explain } from '../command.ts';
import type { CliContext } from '../context.ts';
import type { FlashFlags } from '../flash/flags.ts';

export function addFlash(program: Command, context: CliContext): void {
  const command = addJson(program.command('flash'))
    .description('write the cards of nodes, or image files for them, from one image, and verify them')
    .argument('[node...]', 'nodes of bramble.yaml (default: all)')
    .option('-c, --config <file>', 'the file that lists the nodes', 'bramble.yaml')
    .option('--to <place>', 'write image files: into a folder, or for one node a file that ends in .img')
    .option(
      '--disk <disk>',
      'write /dev/…, one card after the other; or NODE=/dev/… for each, side by side',
      (disk: string, others: readonly string[]) => [...others, disk],
      [],
    )
    .option('--image <image>', 'path or URL of Raspberry Pi OS, in place of the one in the file')
    .option('--max-size <size>', 'refuse larger disks: 512GB, 1TB (default: 256GB)', parseSize)
    .option('-y, --yes', 'do not ask whether what is on a disk, or a file that is there, may be replaced')
    .option('--dry-run', 'print what would be written, without secrets, and write nothing')
    .option('--list', 'print the disks of this machine, and which of them could be written')
    .action(async (names: readonly string[], flags: FlashFlags) => {
      const { runFlash } = await import('../flash/run-flash.ts');
      await runFlash(names, flags, context);
    });
  explain(command, {
    examples: [
      'bramble flash',
      'bramble flash --to out/',
      'bramble flash pi-02 --disk /dev/sdb',
      'bramble flash --disk pi-01=/dev/sdb --disk pi-02=/dev/sdc --yes',
      'bramble flash --dry-run',
    ],
    json: `one object a line: { event: "remark", message }, { event: "download", receivedBytes, totalBytes },
{ event: "progress", node, stage, doneBytes, totalBytes, ratio, bytesPerSecond, secondsLeft },
{ event: "flashed", node, target, flashId, imageBytes, sha256, files }, { event: "failed", node, target, left, error },
{ event: "finished", flashed, failed, knownHosts }.
With --dry-run one object { image, nodes }, with --list an array of disks`,
  });
}

const unitBytes: Readonly<Record<string, number>> = { MB: 1e6, GB: 1e9, TB: 1e12 };

/** `512GB`, in powers of 1000 as cards are sold. */
export function parseSize(text: string): number {
  const [, count = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(MB|GB|TB)$/i.exec(text) ?? [];
  const bytes = Number(count) * (unitBytes[unit.toUpperCase()] ?? Number.NaN);
  if (!(bytes > 0)) throw new InvalidArgumentError('give a size such as 512GB');
  return bytes;
}
