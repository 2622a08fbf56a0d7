import { BrambleError } from '../../src/support/errors.ts';
import type { Inventory, InventoryNode } from '../inventory.ts';
import type { Cluster, SwarmNode } from '../up/phase.ts';

/** The node that the Swarm begins on, and that keeps what the cluster has once only: the first manager of the file. */
export function firstManager({ nodes }: Inventory): InventoryNode {
  const manager = nodes.find(({ role }) => role === 'manager');
  if (manager === undefined)
    throw new BrambleError('INVALID', 'no node is a manager; give one of them role: manager');
  return manager;
}

/** Where other nodes reach it: its fixed address, or the one that it has now. */
export function addressOf(node: InventoryNode, { facts }: Pick<Cluster, 'facts'>): string {
  if (node.addressing.kind === 'static') return node.addressing.address.replace(/\/.*$/, '');
  const addresses = facts.get(node.name)?.addresses ?? [];
  if (isIpv4(node.host)) return node.host;
  const address = addresses.find(isIpv4) ?? addresses[0];
  if (address === undefined)
    throw new BrambleError('UNREACHABLE', `${node.name} has no address on any network`);
  return address;
}

function isIpv4(text: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(text);
}

/** Nodes of the inventory that are still worked on, in its order. */
export function reached({ wanted, facts }: Cluster): readonly InventoryNode[] {
  return wanted.nodes.filter(({ name }) => facts.has(name));
}

/** Manager of the present Swarm to ask, rather one that shall stay one; the first of the file where it is one. */
export function askableManager(cluster: Cluster): string | undefined {
  const isManager = ({ name }: InventoryNode) => {
    const swarm = cluster.facts.get(name)?.docker?.swarm;
    return swarm?.state === 'active' && swarm.isManager && swarm.clusterId === cluster.swarm?.clusterId;
  };
  const managers = reached(cluster).filter(isManager);
  return (managers.find(({ role }) => role === 'manager') ?? managers[0])?.name;
}

/** In the Swarm that the managers speak of, and known to them by the id that it has itself. */
export function isMember({ name }: InventoryNode, { facts, swarm }: Cluster): boolean {
  const own = facts.get(name)?.docker?.swarm;
  if (own === undefined || swarm === undefined) return false;
  return own.state !== 'inactive' && swarmNodeOf(name, { facts, swarm }) !== undefined;
}

/** What the managers say of a node, which they know by the id that it has itself: of its name there may be two. */
export function swarmNodeOf(
  name: string,
  { facts, swarm }: Pick<Cluster, 'facts' | 'swarm'>,
): SwarmNode | undefined {
  const own = facts.get(name)?.docker?.swarm.nodeId;
  return swarm?.nodes.find(({ id }) => id === own);
}
