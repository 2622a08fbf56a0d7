import { sleep } from '../../src/support/clock.ts';
import type { DockerCli } from '../../src/support/docker-cli.ts';
import { BrambleError } from '../../src/support/errors.ts';
import type { InventoryNode } from '../inventory.ts';
import { dockerOf } from '../remote/docker.remote.ts';
import type { Cluster, Phase, Step, StepContext, SwarmNode } from '../up/phase.ts';
import { requireManager } from './join-swarm.ts';
import { isMember, reached } from './roles.ts';

/** Labels below it are ours: what is not there any more loses its own. */
const hardwarePrefix = 'bramble.hardware.';

/** Every node has the labels of the file, and one for each piece of hardware that it has or is said to have. */
export const labels: Phase = {
  name: 'labels',
  title: 'Label the nodes',
  plan: (cluster) => [...reached(cluster).flatMap((node) => relabel(node, cluster)), ...forgetTwins(cluster)],
};

function relabel(node: InventoryNode, cluster: Cluster): readonly Step[] {
  const id = cluster.facts.get(node.name)?.docker?.swarm.nodeId;
  const known = cluster.swarm?.nodes.find((other) => other.id === id);
  const wanted = wantedLabels(node, cluster);
  const present = known?.labels ?? {};
  const added = Object.entries(wanted).filter(([key, value]) => present[key] !== value);
  const dropped = Object.keys(present).filter((key) => key.startsWith(hardwarePrefix) && !(key in wanted));
  if (added.length === 0 && dropped.length === 0) return [];
  const changes = [...added.map(([key, value]) => `${key}=${value}`), ...dropped.map((key) => `not ${key}`)];
  return [
    {
      node: node.name,
      title: `label it ${changes.join(', ')}`,
      async act({ remoteOf, signal }) {
        const docker = dockerOf(remoteOf(requireManager(cluster)), signal);
        const target = id === undefined || id === '' ? node.name : id;
        await docker.run([
          ...['node', 'update'],
          ...added.flatMap(([key, value]) => ['--label-add', `${key}=${value}`]),
          ...dropped.flatMap((key) => ['--label-rm', key]),
          target,
        ]);
      },
    },
  ];
}

function wantedLabels(node: InventoryNode, { facts }: Cluster): Record<string, string> {
  const found = facts.get(node.name)?.hardware ?? [];
  const hardware = [...new Set([...node.hardware, ...found])].map((name) => [
    `${hardwarePrefix}${name}`,
    'true',
  ]);
  return { ...node.labels, ...Object.fromEntries(hardware) };
}

/** A node that was made anew joins as another, and its earlier self stays behind, down for ever. */
function forgetTwins(cluster: Cluster): readonly Step[] {
  const present = new Set(reached(cluster).map(({ name }) => cluster.facts.get(name)?.docker?.swarm.nodeId));
  const isTwin = ({ id, hostName }: SwarmNode) =>
    !present.has(id) && reached(cluster).some((node) => node.name === hostName && isMember(node, cluster));
  return (cluster.swarm?.nodes ?? []).filter(isTwin).map(({ id, hostName, role }) => ({
    node: hostName,
    title: 'forget the node that it was before',
    async act({ remoteOf, clock, signal }) {
      const docker = dockerOf(remoteOf(requireManager(cluster)), signal);
      await untilGone(docker, { id, hostName }, { clock, signal });
      if (role === 'manager') await docker.run(['node', 'demote', id]);
      await docker.run(['node', 'rm', '--force', id]);
    },
  }));
}

/** Managers miss a node after three heartbeats, 15 s (Docker's own default). */
const missedMs = 60_000;
const pollMs = 500;

/** One that still gives signs of life is another machine. */
async function untilGone(
  docker: DockerCli,
  { id, hostName }: Pick<SwarmNode, 'id' | 'hostName'>,
  { clock, signal }: Pick<StepContext, 'clock' | 'signal'>,
): Promise<void> {
  const deadlineMs = clock.monotonicMs() + missedMs;
  while ((await docker.run(['node', 'inspect', '--format', '{{.Status.State}}', id])) === 'ready') {
    if (clock.monotonicMs() > deadlineMs)
      throw new BrambleError(
        'CONFLICT',
        `two machines call themselves ${hostName} in the Swarm; give the other one another host name`,
      );
    await sleep(clock, pollMs, signal);
  }
}
