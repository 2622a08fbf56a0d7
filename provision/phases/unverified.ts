import type { InventoryNode } from '../inventory.ts';
import type { Cluster } from '../up/phase.ts';
import { askableManager, isMember, reached, swarmNodeOf } from './roles.ts';
import { type StackWish, wantedFingerprint } from './stack.ts';

/** On a node of the Swarm: the fingerprint of the stack that it was seen to work with. */
export const verifiedLabel = 'bramble.verified';

/** Nodes of the Swarm, or of the one to come, that were not seen to work with the wanted stack yet. */
export function unverified(wish: StackWish, cluster: Cluster): readonly InventoryNode[] {
  const wanted = wantedFingerprint(wish, cluster);
  // Without a manager nothing could be seen, and it is not these nodes that are to blame.
  const isAskable = cluster.swarm === undefined || askableManager(cluster) !== undefined;
  if (wanted === undefined || !isAskable) return [];
  return members(cluster).filter((node) => swarmNodeOf(node.name, cluster)?.labels[verifiedLabel] !== wanted);
}

export function members(cluster: Cluster): readonly InventoryNode[] {
  return reached(cluster).filter((node) => cluster.swarm === undefined || isMember(node, cluster));
}
