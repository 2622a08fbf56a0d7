import { reached } from '../phases/roles.ts';
import type { NodeFacts } from './facts.ts';
import type { Cluster, SwarmNode } from './phase.ts';

/** Less, and images of another version or two fill it. */
const littleDiskBytes = 2_000_000_000;
const fullDiskRatio = 0.9;

/** What works, and will not for ever: sentences for whoever runs the cluster. */
export function findWarnings(cluster: Cluster): string[] {
  return [
    ...reached(cluster).flatMap(({ name }) => warnOfNode(name, cluster.facts.get(name))),
    ...warnOfManagers(cluster),
    ...warnOfQuorum(cluster.swarm?.nodes ?? []),
    ...warnOfNodes(cluster.swarm?.nodes ?? []),
  ];
}

function warnOfNode(name: string, facts: NodeFacts | undefined): string[] {
  if (facts === undefined) return [];
  return [
    ...(facts.hasMemoryCgroup
      ? []
      : [
          `${name} cannot limit memory: add cgroup_enable=memory to /boot/firmware/cmdline.txt and restart it, else one function can take all of it`,
        ]),
    ...warnOfDisk(name, facts),
  ];
}

function warnOfDisk(
  name: string,
  { diskFreeBytes, diskUsedBytes }: Pick<NodeFacts, 'diskFreeBytes' | 'diskUsedBytes'>,
): string[] {
  const ratio = diskUsedBytes / (diskUsedBytes + diskFreeBytes);
  if (diskFreeBytes >= littleDiskBytes && ratio < fullDiskRatio) return [];
  const megabytes = Math.round(diskFreeBytes / 1e6);
  return [
    `the disk of ${name} is ${Math.round(ratio * 100)} % full, ${megabytes} MB are left; docker system prune there removes unused images`,
  ];
}

function warnOfManagers({ wanted: { nodes } }: Cluster): string[] {
  const { length } = nodes.filter(({ role }) => role === 'manager');
  if (length === 1 && nodes.length >= 3)
    return ['there is only one manager: while it is away nothing can be changed; with three, one may fail'];
  return [];
}

/** More than half must be there for anything to be changed. */
function warnOfQuorum(nodes: readonly SwarmNode[]): string[] {
  const managers = nodes.filter(({ role }) => role === 'manager');
  const reachable = managers.filter(({ isReachable }) => isReachable).length;
  const needed = Math.floor(managers.length / 2) + 1;
  if (managers.length < 3 || reachable === managers.length || reachable > needed) return [];
  return [`${reachable} of ${managers.length} managers are there; if one more goes nothing can be changed`];
}

function warnOfNodes(nodes: readonly SwarmNode[]): string[] {
  return nodes.flatMap(({ hostName, isReady, availability }) => [
    ...(isReady ? [] : [`the Swarm does not see ${hostName}`]),
    ...(availability === 'active' ? [] : [`${hostName} takes no work: its availability is ${availability}`]),
  ]);
}
