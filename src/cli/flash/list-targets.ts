import { describeDisk } from '../../../provision/disk/disk-info.ts';
import { judgeDisk } from '../../../provision/disk/judge-disk.ts';
import { listDisks } from '../../../provision/disk/list-disks.ts';
import { type CliContext, print } from '../context.ts';
import type { FlashFlags } from './flags.ts';

/** `bramble flash --list`: every disk, with what is on it and whether it would be written. */
export async function listTargets(
  { maxSize: maxBytes, json }: Pick<FlashFlags, 'maxSize' | 'json'>,
  context: CliContext,
): Promise<void> {
  const judged = (await listDisks(context)).map((disk) => {
    const verdict = judgeDisk(disk, {
      imageBytes: undefined,
      isNamed: false,
      ...(maxBytes !== undefined && { maxBytes }),
    });
    const reason = verdict.mayWrite ? undefined : verdict.reason;
    return { ...disk, mayWrite: verdict.mayWrite, ...(reason !== undefined && { reason }) };
  });
  print(context, { json: json ?? false }, judged, () => {
    if (judged.length === 0) return 'there is no disk here\n';
    return judged
      .map((disk) => `${describeDisk(disk)}\n  ${disk.reason ?? `can be written: --disk ${disk.path}`}\n`)
      .join('');
  });
}
