import type { Remote } from '../remote/remote.ts';
import type { NodeFacts } from './facts.ts';
import type { SwarmFacts, SwarmNode } from './phase.ts';

/** Prints every node of the Swarm as Docker's API has it. */
const script = 'docker node inspect $(docker node ls --quiet)';

/** Asks the first manager that answers. `undefined` where no node that was reached is a manager. */
export async function readSwarm(
  facts: ReadonlyMap<string, NodeFacts>,
  remotes: ReadonlyMap<string, Remote>,
  signal: AbortSignal,
): Promise<SwarmFacts | undefined> {
  for (const [name, { docker }] of facts) {
    const remote = remotes.get(name);
    if (remote === undefined || docker?.swarm.state !== 'active' || !docker.swarm.isManager) continue;
    const { status, stdout } = await remote.run(['sh', '-s'], {
      as: 'root',
      stdin: script,
      accept: [1],
      signal,
    });
    if (status === 0) return { clusterId: docker.swarm.clusterId, nodes: parseNodes(stdout) };
  }
  return undefined;
}

/** What Docker's API calls Node, as far as we ask. */
interface DockerNode {
  readonly ID: string;
  readonly Spec: {
    readonly Role: 'manager' | 'worker';
    readonly Availability: SwarmNode['availability'];
    readonly Labels?: Readonly<Record<string, string>>;
  };
  readonly Description: { readonly Hostname: string };
  readonly Status: { readonly State: string; readonly Addr?: string };
  readonly ManagerStatus?: { readonly Reachability?: string; readonly Addr?: string };
}

export function parseNodes(text: string): SwarmNode[] {
  const nodes: readonly DockerNode[] = JSON.parse(text);
  return nodes.map(({ ID, Spec, Description, Status, ManagerStatus }) => ({
    id: ID,
    hostName: Description.Hostname,
    // A manager that was promoted late may show 0.0.0.0 here, and its address there.
    address: ManagerStatus?.Addr?.replace(/:\d+$/, '') ?? Status.Addr ?? '',
    role: Spec.Role,
    isReady: Status.State === 'ready',
    isReachable: ManagerStatus?.Reachability === 'reachable',
    availability: Spec.Availability,
    labels: Spec.Labels ?? {},
  }));
}
