import { packFolder } from '../../../provision/agent-image/pack-folder.ts';
import type { InventoryNode } from '../../../provision/inventory.ts';
import { mayUseRegistry, registryAddress, servedRegistry } from '../../../provision/phases/registry.ts';
import { firstManager } from '../../../provision/phases/roles.ts';
import { gatewayOf } from '../../../provision/phases/stack.ts';
import { buildOn, dockerOf } from '../../../provision/remote/docker.remote.ts';
import { type Remote, remoteOf } from '../../../provision/remote/remote.ts';
import type { NodeFacts } from '../../../provision/up/facts.ts';
import type { Cluster } from '../../../provision/up/phase.ts';
import { readFacts } from '../../../provision/up/read-facts.ts';
import { planNodeBuild } from '../../images/build-plan.ts';
import type { Builder } from '../../images/builder.ts';
import { readDockerignore } from '../../images/docker-ignore.ts';
import { namesRegistry } from '../../images/image-name.ts';
import { BrambleError } from '../../support/errors.ts';
import type { CliContext, JsonOption } from '../context.ts';
import { type Reaching, realReaching } from './reaching.ts';
import { type ClusterFlags, findNode, readCluster, sudoPasswordFor } from './read-cluster.ts';

export interface NodeBuilderFlags extends ClusterFlags, JsonOption {
  /** A node; `true` is the first manager. */
  readonly on: string | true;
}

/** Gives `use` the Docker of a node, which is reached over SSH. Rejects with what to do where the cluster is not that far. */
export async function withNodeBuilder<Result>(
  { on, json = false, ...flags }: NodeBuilderFlags,
  context: CliContext,
  use: (builder: Builder) => Promise<Result>,
  parts: Reaching = realReaching,
): Promise<Result> {
  const wanted = readCluster(flags, context);
  const node = on === true ? firstManager(wanted) : findNode(wanted, on);
  const nodes = [...new Set([node, firstManager(wanted)])]; // that has the registry
  const { env, home, signal } = context;
  context.holdExit(); // the connections are to be closed
  const sudoPassword = sudoPasswordFor(wanted, { ...context, json });
  const remotes = await parts.openRemotes({ ...wanted, nodes }, { env, home, sudoPassword });
  try {
    const reach = ({ name }: InventoryNode) => remoteOf(remotes.byName, name);
    const ask = async (one: InventoryNode): Promise<[string, NodeFacts]> => [
      one.name,
      await readFacts(reach(one), { clock: parts.clock, signal }),
    ];
    const facts = new Map(await Promise.all(nodes.map(ask)));
    return await use(createNodeBuilder(reach(node), { wanted, facts, swarm: undefined }, signal));
  } finally {
    await remotes.close();
  }
}

function createNodeBuilder(remote: Remote, cluster: Cluster, signal: AbortSignal): Builder {
  const { name } = remote;
  const architecture = architectureOf(name, cluster);
  return {
    where: ` on ${name}`,
    gateway: gatewayOf(cluster),
    nameOf(image) {
      if (namesRegistry(image)) return image;
      requireRegistry(name, cluster);
      return `${registryAddress(cluster)}/${image}`;
    },
    async build(source, { template, flags, folder, say }) {
      const { args, buildArgs } = planNodeBuild(source, { template, flags, node: { name, architecture } });
      const context = await packFolder(folder, await readDockerignore(folder));
      await buildOn(remote, { args, variables: buildArgs, context, onLine: say, signal });
      return 'built';
    },
    async push(image, say) {
      await dockerOf(remote, signal).run(['push', image], { onLine: say });
    },
  };
}

/** Throws where the node has no Docker that could make images. */
function architectureOf(node: string, { facts }: Cluster): string {
  const { architecture = '', docker } = facts.get(node) ?? {};
  if (docker?.isRunning) return architecture;
  if (docker === undefined)
    throw new BrambleError('NOT_FOUND', `there is no Docker on ${node}; bramble up installs it`);
  throw new BrambleError(
    'REMOTE_FAILED',
    `Docker does not run on ${node}; bramble up starts it, and bramble ssh ${node} -- sudo journalctl -u docker tells why it ended`,
  );
}

function requireRegistry(node: string, cluster: Cluster): void {
  const address = registryAddress(cluster);
  if (servedRegistry(cluster) === undefined)
    throw new BrambleError(
      'NOT_FOUND',
      `the cluster has no registry yet, or none as this bramble sets it up (${address}); bramble up sees to that`,
    );
  if (!mayUseRegistry(node, cluster))
    throw new BrambleError(
      'UNAUTHORIZED',
      `${node} has no certificate for the registry at ${address}; bramble up gives it one`,
    );
}
