import type { BootPartition } from '../boot/boot-partition.ts';
import { detectFirstBoot } from '../boot/detect-first-boot.ts';
import type { FirstBoot } from '../customise/boot-files.ts';
import { makeHostKey } from '../customise/host-keys.ts';
import type { Inventory, InventoryNode } from '../inventory.ts';
import { customiseBoot, exampleCredentials, setUpNode } from './set-up-node.ts';

/** What flashing a node would write on its boot partition. */
export interface Preview {
  readonly node: string;
  readonly firstBoot: FirstBoot;
  readonly files: readonly PreviewFile[];
}

export interface PreviewFile {
  readonly path: string;
  readonly bytes: number;
  readonly purpose: string;
  readonly isSecret: boolean;
  /** `undefined` for a secret one. */
  readonly content: string | undefined;
  /** What is there in the image. */
  readonly before: string | undefined;
}

/** Stands for an id of the same length that every flash has anew. */
const flashId = 'new-with-each-flash-0000000000000000';

/**
 * Makes the files as they would be written, and lets the boot partition try whether they fit. Secrets are not needed for it:
 * others of the same length take their place.
 */
export function previewNode(
  inventory: Inventory,
  node: InventoryNode,
  boot: Omit<BootPartition, 'unmount'>,
): Preview {
  const firstBoot = detectFirstBoot(boot);
  const identity = { hostKey: makeHostKey(node.name), flashId };
  const files = customiseBoot(boot, setUpNode(inventory, node, { ...exampleCredentials, ...identity }));
  const before = files.map(({ path }) => boot.read(path));
  for (const { path, content } of files) boot.write(path, Buffer.from(content));
  return {
    node: node.name,
    firstBoot,
    files: files.map(({ path, purpose, isSecret, content }, i) => {
      const present = before[i];
      return {
        ...{ path, purpose, isSecret },
        bytes: Buffer.byteLength(content),
        content: isSecret ? undefined : content,
        before: present && Buffer.from(present).toString(),
      };
    }),
  };
}
