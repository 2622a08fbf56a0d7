import type { InventoryNode } from '../inventory.ts';
import type { Cluster } from '../up/phase.ts';
import { isMember, reached } from './roles.ts';
import { type StackWish, wantedFingerprint } from './stack.ts';

/** On a node of the Swarm: the fingerprint of the stack that it was seen to work with. */
export const verifiedLabel = 'bramble.verified';

/** Nodes of the Swarm, or of the one to come, that were not seen to work with the wanted stack yet. */
export function unverified(wish: StackWish, cluster: Cluster): readonly InventoryNode[] {
  const wanted = wantedFingerprint(wish, cluster);
  if (wanted === undefined) return [];
  return members(cluster).filter((node) => labelsOf(node, cluster)[verifiedLabel] !== wanted);
}

export function members(cluster: Cluster): readonly InventoryNode[] {
  return reached(cluster).filter((node) => cluster.swarm === undefined || isMember(node, cluster));
}

function labelsOf({ name }: InventoryNode, { facts, swarm }: Cluster): Readonly<Record<string, string>> {
  const id = facts.get(name)?.docker?.swarm.nodeId;
  return swarm?.nodes.find((node) => node.id === id)?.labels ?? {};
}
