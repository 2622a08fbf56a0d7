import { relative } from 'node:path';
import { showBytes } from '../../../provision/disk/disk-info.ts';
import { nameOfTarget, type Target } from '../../../provision/disk/target.ts';
import type { FlashEvent } from '../../../provision/flash/flash-batch.ts';
import type { Flashed } from '../../../provision/flash/flash-disk.ts';
import { printable } from '../table.ts';

/** How it went with one node. */
export type Outcome = Exclude<FlashEvent, { kind: 'progress' }>;

/** What is there now, and what to do next. Why nodes failed was told already. */
export function renderSummary(
  outcomes: readonly Outcome[],
  { image, knownHosts }: { readonly image: string; readonly knownHosts: string },
): string {
  const done = outcomes.flatMap((outcome) =>
    outcome.kind === 'flashed' ? [{ ...outcome, name: nameOfTarget(outcome.job.target) }] : [],
  );
  const failed = outcomes.filter(({ kind }) => kind === 'failed').map(({ job }) => job.node);
  const [first] = done;
  const lines = [
    ...(first === undefined
      ? []
      : [
          `${image}: ${showBytes(first.result.imageBytes)}, SHA-256 ${first.result.sha256}`,
          ...done.map(({ job, name, result }) => `  ${job.node} → ${name}: ${filesOf(result)}`),
          `Their SSH host keys are in ${relative('.', knownHosts) || knownHosts}.`,
        ]),
    ...(failed.length === 0
      ? []
      : [`Not flashed: ${failed.join(', ')}. Try again with bramble flash ${failed.join(' ')}`]),
    ...(first === undefined ? [] : [`Next: ${nextStep(done.map(({ job }) => job.target))}, then bramble up`]),
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}

function filesOf({ files }: Flashed): string {
  return `verified, with ${files.map(({ path, isSecret }) => (isSecret ? `${path} (secret)` : path)).join(', ')}`;
}

function nextStep(targets: readonly Target[]): string {
  const isOnCards = targets.every(({ kind }) => kind === 'disk');
  return isOnCards
    ? 'put the cards into the nodes, switch these on'
    : 'write each image to the card of its node, switch the nodes on';
}
