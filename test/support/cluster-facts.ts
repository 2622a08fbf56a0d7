/**
 * Clusters as phases see them:
 *
 *   const cluster = healthyCluster();                     pi-01 (manager), pi-02, pi-03: nothing is to be done
 *   withFacts(cluster, 'pi-02', { docker: undefined });   the same but for one fact
 *   bareCluster()                                         three machines that answer, and nothing more
 */
import type { WantedImages } from '../../provision/agent-image/image-source.ts';
import type { Inventory, InventoryNode } from '../../provision/inventory.ts';
import { registryAddress, registryRevision } from '../../provision/phases/registry.ts';
import { wantedFingerprint } from '../../provision/phases/stack.ts';
import { verifiedLabel } from '../../provision/phases/unverified.ts';
import type { VerifyWish } from '../../provision/phases/verify.ts';
import { brokerLabel } from '../../provision/stack.ts';
import type { NodeFacts } from '../../provision/up/facts.ts';
import type { Cluster, SwarmFacts, SwarmNode } from '../../provision/up/phase.ts';
import { loadConfig } from '../../src/config/load.ts';
import { internalTopics, topics } from '../../src/events/topics.ts';

export const archives: WantedImages = {
  agent: { kind: 'archive', path: '/images/agent.tar', architecture: 'arm64', name: 'bramble:0a1b2c' },
  broker: { kind: 'reference', reference: 'eclipse-mosquitto:2.0.22' },
};

export const wish: VerifyWish = {
  images: archives,
  agentConfig: undefined,
  internalTopics,
  topics,
  config: loadConfig({ env: {} }).config,
  keepPasswords: async () => {},
};

const authority = 'a'.repeat(64);
const clusterId = 'x2xrpbegohutwqpga5v18eqnf';

export function inventoryOf(nodes: readonly Partial<InventoryNode>[] = threeNodes): Inventory {
  return {
    ...{ file: '/project/bramble.yaml', name: 'bramble', image: undefined },
    ...{ timeZone: 'Etc/UTC', locale: 'en_GB.UTF-8', keymap: 'gb', hasWatchdog: true, wifi: undefined },
    user: { name: 'pi', authorizedKeys: [], hasPassword: false, passwordFile: undefined },
    ssh: { port: undefined, key: undefined, jump: undefined },
    docker: {
      ...{ source: undefined, version: undefined, repository: 'https://download.docker.com/linux' },
      fingerprint: '9DC858229FC7DD38854AE2D88D81803C0EBFCD88',
    },
    agent: { image: undefined, brokerImage: 'eclipse-mosquitto:2.0.22' },
    nodes: nodes.map((node, index) => ({
      name: nameOf(index),
      role: index === 0 ? 'manager' : 'worker',
      host: addressOf(index),
      addressing: { kind: 'dhcp' },
      isWireless: false,
      hardware: [],
      labels: {},
      ...node,
    })),
  };
}

const threeNodes = [{}, {}, {}];

/** Answers, and nothing was done on it yet. */
export function bareFacts(index: number, given: Partial<NodeFacts> = {}): NodeFacts {
  return {
    architecture: 'arm64',
    os: { id: 'debian', codename: 'bookworm', prettyName: 'Debian GNU/Linux 12 (bookworm)' },
    model: 'Raspberry Pi 4 Model B Rev 1.4',
    hostName: nameOf(index),
    addresses: [addressOf(index)],
    memoryBytes: 4e9,
    diskUsedBytes: 10e9,
    diskFreeBytes: 20e9,
    hasMemoryCgroup: true,
    clockOffsetMs: 0,
    bootId: `boot-${index}`,
    flashId: undefined,
    hardware: [],
    docker: undefined,
    images: [],
    registry: { served: undefined, trusted: {} },
    ...given,
  };
}

export function bareCluster(wanted: Inventory = inventoryOf()): Cluster {
  const facts = new Map(wanted.nodes.map(({ name }, index) => [name, bareFacts(index)]));
  return { wanted, facts, swarm: undefined };
}

/** All is as the inventory and the wish want it. */
export function healthyCluster(wanted: Inventory = inventoryOf(), of: VerifyWish = wish): Cluster {
  const bare = bareCluster(wanted);
  const address = registryAddress(bare);
  const images = [of.images.agent, of.images.broker].flatMap((source) =>
    source.kind === 'reference' ? [] : [source.name],
  );
  const facts = new Map(
    wanted.nodes.map(({ name, role }, index) => [
      name,
      bareFacts(index, {
        docker: {
          version: '20.10.24+dfsg1',
          package: { source: 'debian', version: '20.10.24+dfsg1-1+deb12u1', isHeld: false },
          isRunning: true,
          insecureRegistries: [],
          swarm: {
            state: 'active',
            nodeId: `id-${name}`,
            clusterId: role === 'manager' ? clusterId : '',
            isManager: role === 'manager',
            address: addressOf(index),
          },
        },
        registry: {
          served: index === 0 ? { address, authority, images, revision: registryRevision } : undefined,
          trusted: { [address]: authority },
        },
      }),
    ]),
  );
  const fingerprint = wantedFingerprint(of, { ...bare, facts }) ?? '';
  const swarm: SwarmFacts = {
    clusterId,
    nodes: wanted.nodes.map((node, index) => swarmNode(node, index, fingerprint)),
    services: ['agent', 'control', 'mosquitto'].map((name) => ({
      ...{ name: `bramble_${name}`, running: 1, wanted: 1, fingerprint, update: '' },
    })),
  };
  return { wanted, facts, swarm };
}

function swarmNode({ name, role, labels }: InventoryNode, index: number, fingerprint: string): SwarmNode {
  return {
    id: `id-${name}`,
    hostName: name,
    address: addressOf(index),
    role,
    isReady: true,
    isReachable: role === 'manager',
    availability: 'active',
    labels: { ...labels, [verifiedLabel]: fingerprint, ...(index === 0 && { [brokerLabel]: 'true' }) },
  };
}

/** The cluster where one node is otherwise; `undefined`: it was not reached. */
export function withFacts(cluster: Cluster, node: string, given: Partial<NodeFacts> | undefined): Cluster {
  const facts = new Map(cluster.facts);
  const present = facts.get(node);
  if (given === undefined || present === undefined) facts.delete(node);
  else facts.set(node, { ...present, ...given });
  return { ...cluster, facts };
}

export function withSwarm(cluster: Cluster, given: Partial<SwarmFacts>): Cluster {
  if (cluster.swarm === undefined) throw new TypeError('there is no Swarm');
  return { ...cluster, swarm: { ...cluster.swarm, ...given } };
}

function nameOf(index: number): string {
  return `pi-${String(index + 1).padStart(2, '0')}`;
}

function addressOf(index: number): string {
  return `192.168.1.${21 + index}`;
}
