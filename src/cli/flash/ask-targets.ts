import { type DiskInfo, describeDisk } from '../../../provision/disk/disk-info.ts';
import { type JudgeOptions, judgeDisk } from '../../../provision/disk/judge-disk.ts';
import { listDisks } from '../../../provision/disk/list-disks.ts';
import { findTarget, nameOfTarget, type Target } from '../../../provision/disk/target.ts';
import { BrambleError } from '../../support/errors.ts';
import { isThere } from '../../support/is-there.ts';
import type { CliContext } from '../context.ts';
import { askOnce, askYes } from '../input.ts';

export interface Asking {
  readonly context: CliContext;
  /** There is somebody at the terminal to answer. */
  readonly mayAsk: boolean;
  /** Whatever is in the way may be replaced. */
  readonly isAgreed: boolean;
  readonly say: (sentence: string) => void;
}

export interface NamedTarget {
  readonly node: string;
  readonly target: Target;
}

/** Throws DISK_REFUSED for a disk that must not be written; says what a user should know of one that may. */
export function checkTarget(
  target: Target,
  { say, ...limits }: Omit<JudgeOptions, 'isNamed'> & Pick<Asking, 'say'>,
): void {
  if (target.kind === 'file') return;
  const verdict = judgeDisk(target.disk, { ...limits, isNamed: true });
  if (!verdict.mayWrite) throw new BrambleError('DISK_REFUSED', verdict.reason);
  for (const warning of verdict.warnings) say(warning);
}

/** Throws INVALID when two nodes would go to one place, however it was spelled. */
export function refuseSharing(targets: readonly NamedTarget[]): void {
  const users = new Map<string, string>();
  for (const { node, target } of targets) {
    const name = nameOfTarget(target);
    const other = users.get(name);
    if (other !== undefined)
      throw new BrambleError('INVALID', `${other} and ${node} would both go to ${name}; give each its own`);
    users.set(name, node);
  }
}

/** Asks whether what is on the disks, and the files that are there, may be replaced. Throws CANCELLED unless it may. */
export async function confirm(targets: readonly NamedTarget[], asking: Asking): Promise<void> {
  const losses = (await Promise.all(targets.map(describeLoss))).filter((loss) => loss !== undefined);
  if (losses.length === 0 || asking.isAgreed) return;
  if (!asking.mayAsk)
    throw new BrambleError(
      'CONFLICT',
      `there is nobody to ask whether this may be replaced: ${losses.join('; ')}; add --yes if it may`,
    );
  for (const loss of losses) asking.say(`  ${loss}`);
  if (!(await askYes('All that is on it will be lost. Go on?', asking.context)))
    throw new BrambleError('CANCELLED', 'nothing was written, as you did not agree');
}

async function describeLoss({ node, target }: NamedTarget): Promise<string | undefined> {
  if (target.kind === 'disk') return `${node} → ${describeDisk(target.disk)}`;
  return (await isThere(target.path)) ? `${node} → ${target.path}, a file that is there already` : undefined;
}

/** The user's choice among the cards that are plugged in. */
export async function chooseDisk(
  { context, mayAsk, say }: Asking,
  limits: Omit<JudgeOptions, 'isNamed'>,
): Promise<string> {
  if (!mayAsk)
    throw new BrambleError(
      'INVALID',
      'say where to: a folder for image files (--to out/), or a disk (--disk /dev/…)',
    );
  const disks = (await listDisks(context)).filter(
    (disk) => judgeDisk(disk, { ...limits, isNamed: false }).mayWrite,
  );
  if (disks.length === 0)
    throw new BrambleError(
      'NOT_FOUND',
      'no card is here that could be written; plug one in, or write image files (--to out/). bramble flash --list says what is wrong with each disk',
    );
  for (const [i, disk] of disks.entries()) say(`  ${i + 1}  ${describeDisk(disk)}`);
  return readChoice(disks, context);
}

async function readChoice(disks: readonly DiskInfo[], context: CliContext): Promise<string> {
  const answer = await askOnce(`Which disk is the card in? [1 to ${disks.length}] `, context);
  const chosen = disks[Number(answer) - 1];
  if (chosen === undefined)
    throw new BrambleError('INVALID', `${answer || 'nothing'} is none of the disks; nothing was written`);
  return chosen.path;
}

/** Waits until the next card is in, and can be written; says why it cannot. */
export async function awaitCard(
  { node, path, before }: { node: string; path: string; before: string },
  asking: Asking,
  limits: Omit<JudgeOptions, 'isNamed'>,
): Promise<Target> {
  for (;;) {
    await askOnce(
      `Take out the card of ${before}, put the one for ${node} into ${path}, press Enter: `,
      asking.context,
    );
    try {
      const target = await findTarget(path, asking.context);
      checkTarget(target, { ...limits, say: asking.say });
      return target;
    } catch (err) {
      if (!(err instanceof BrambleError) || !['DISK_REFUSED', 'NOT_FOUND'].includes(err.code)) throw err;
      asking.say(err.message);
    }
  }
}
