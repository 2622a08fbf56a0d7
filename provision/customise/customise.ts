import { customiseBookworm } from './bookworm.ts';
import type { BootFile, FirstBoot, PresentFiles } from './boot-files.ts';
import { checkNodeSetup } from './check-node-setup.ts';
import type { NodeSetup } from './node-setup.ts';
import { customiseTrixie } from './trixie.ts';

/**
 * The files that make an image the node. Pure; applied to its own outcome it changes nothing. Throws CONFIG_INVALID for what
 * cannot be written safely.
 */
export function customise(firstBoot: FirstBoot, node: NodeSetup, present: PresentFiles): BootFile[] {
  checkNodeSetup(node);
  switch (firstBoot) {
    case 'bookworm':
      return customiseBookworm(node, present);
    case 'trixie':
      return customiseTrixie(node, present);
    default:
      return firstBoot satisfies never;
  }
}
