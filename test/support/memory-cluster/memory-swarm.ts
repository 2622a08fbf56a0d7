/** A Swarm as far as its nodes and its managers' answers go. */
export interface MemorySwarm {
  readonly id: string;
  readonly nodes: Map<string, MemoryNode>;
  readonly tokens: { readonly Manager: string; readonly Worker: string };
  readonly secrets: Set<string>;
  readonly configs: Set<string>;
  /** Name → fingerprint. */
  readonly services: Map<string, string>;
  /** Name → state of its last update, where there was one. */
  readonly updates: Map<string, string>;
  /** Images whose agents do not get healthy: an update to one is rolled back at once. */
  readonly brokenImages: Set<string>;
  /** Name → what it answers. */
  readonly functions: Map<string, string>;
}

export interface MemoryNode {
  readonly id: string;
  readonly hostName: string;
  readonly address: string;
  role: 'manager' | 'worker';
  readonly labels: Map<string, string>;
  /** Its machine says that it is this node, and runs. */
  isReady(): boolean;
}

let made = 0;

export function makeSwarm(): MemorySwarm {
  made += 1;
  return {
    id: `swarm-${made}`,
    nodes: new Map(),
    tokens: { Manager: `SWMTKN-manager-${made}`, Worker: `SWMTKN-worker-${made}` },
    secrets: new Set(),
    configs: new Set(),
    services: new Map(),
    updates: new Map(),
    brokenImages: new Set(),
    functions: new Map(),
  };
}

export function makeNodeId(): string {
  made += 1;
  return `node-${made}`;
}

/** By id or host name, as Docker finds it. Throws what Docker says. */
export function findNode(swarm: MemorySwarm, name: string): MemoryNode {
  const own = swarm.nodes.get(name);
  if (own !== undefined) return own;
  const found = [...swarm.nodes.values()].filter(({ hostName }) => hostName === name);
  if (found[0] === undefined) throw new Error(`no such node: ${name}`);
  if (found.length > 1) throw new Error(`node ${name} is ambiguous (${found.length} matches found)`);
  return found[0];
}

/** As Docker's API has it, as far as we ask. */
export function describeNode(node: MemoryNode): object {
  const manager = {
    Reachability: node.isReady() ? 'reachable' : 'unreachable',
    Addr: `${node.address}:2377`,
  };
  return {
    ID: node.id,
    Spec: { Role: node.role, Availability: 'active', Labels: Object.fromEntries(node.labels) },
    Description: { Hostname: node.hostName },
    Status: { State: node.isReady() ? 'ready' : 'down', Addr: node.address },
    ...(node.role === 'manager' && { ManagerStatus: manager }),
  };
}
