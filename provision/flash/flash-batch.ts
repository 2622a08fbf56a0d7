import { BrambleError, messageOf, toBrambleError } from '../../src/support/errors.ts';
import { openBootPartition } from '../boot/boot-partition.fat.ts';
import { pinHostKey, type SshHost } from '../customise/known-hosts.ts';
import type { NodeSetup } from '../customise/node-setup.ts';
import type { Disk } from '../disk/disk.ts';
import type { Target } from '../disk/target.ts';
import type { Image } from '../image/image.ts';
import type { Inventory, InventoryNode } from '../inventory.ts';
import { addressesOf } from '../subnet.ts';
import { type Flashed, type FlashProgress, flashDisk } from './flash-disk.ts';
import { customiseBoot } from './set-up-node.ts';
import { shareReading } from './share-reading.ts';

/** One card, or the file that stands for one. */
export interface FlashJob {
  readonly node: string;
  readonly target: Target;
  readonly setup: NodeSetup;
  /** How `ssh` will reach the node. */
  readonly sshHosts: readonly SshHost[];
  /** Looks at the target a last time, and opens it. */
  readonly open: () => Promise<Disk>;
}

export type FlashEvent =
  | { readonly kind: 'progress'; readonly job: FlashJob; readonly progress: FlashProgress }
  | { readonly kind: 'flashed'; readonly job: FlashJob; readonly result: Flashed }
  | {
      readonly kind: 'failed';
      readonly job: FlashJob;
      readonly error: BrambleError;
      readonly left: Left;
    };

/** What is now where the node was to go: what was there before, something that does not boot, or the node after all. */
export type Left = 'as it was' | 'unusable' | 'flashed';

export interface FlashBatchOptions {
  readonly image: Image;
  /** Gets the host key of each node whose card was verified, and of no other. */
  readonly knownHosts: string;
  readonly onEvent: (event: FlashEvent) => void;
  readonly signal: AbortSignal;
}

/**
 * Flashes cards side by side from one reading of the image. One that fails does not stop the others: each ends with the event
 * `flashed` or `failed`, also when the signal ends all of them. Resolves when all disks are closed.
 */
export async function flashBatch(jobs: readonly FlashJob[], options: FlashBatchOptions): Promise<void> {
  const { image, onEvent, signal } = options;
  const opened: OpenJob[] = [];
  for (const job of jobs) {
    try {
      signal.throwIfAborted();
      opened.push({ job, disk: await job.open() });
    } catch (err) {
      onEvent({ kind: 'failed', job, error: toBrambleError(err), left: 'as it was' });
    }
  }
  const shared = shareReading(image, opened, signal);
  await Promise.all(shared.map(([open, ownImage]) => flashOne(open, { ...options, image: ownImage })));
}

interface OpenJob {
  readonly job: FlashJob;
  readonly disk: Disk;
}

async function flashOne(
  { job, disk }: OpenJob,
  { image, signal, onEvent, knownHosts }: FlashBatchOptions,
): Promise<void> {
  let left: Left = 'as it was';
  const onProgress = (progress: FlashProgress): void => {
    if (disk.sizeBytes !== undefined) left = 'unusable'; // a file's place is not touched before it is complete
    onEvent({ kind: 'progress', job, progress });
  };
  try {
    const result = await flashDisk({
      ...{ image, disk, signal, onProgress },
      openBoot: openBootPartition,
      customise: (boot) => customiseBoot(boot, job.setup),
    }).finally(() => disk.close());
    left = 'flashed';
    pin(knownHosts, job);
    onEvent({ kind: 'flashed', job, result });
  } catch (err) {
    onEvent({ kind: 'failed', job, error: toBrambleError(err), left });
  }
}

function pin(file: string, { node, sshHosts, setup }: FlashJob): void {
  try {
    pinHostKey(file, sshHosts, setup.hostKey.publicKey);
  } catch (cause) {
    throw new BrambleError(
      'INVALID',
      `cannot keep the SSH host key of ${node} in ${file}: ${messageOf(cause)}; make that writable, and flash it again`,
      { cause },
    );
  }
}

/** Every name under which the node may be asked for. */
export function sshHostsOf(
  { ssh }: Pick<Inventory, 'ssh'>,
  { name, host, addressing }: InventoryNode,
): SshHost[] {
  const address = addressing.kind === 'static' ? [addressesOf(addressing.address).text] : [];
  const names = new Set([host, ...address, `${name}.local`, name]);
  return [...names].map((one) => ({ name: one, port: ssh.port ?? 22 }));
}
