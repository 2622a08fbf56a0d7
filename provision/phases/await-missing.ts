import type { DockerCli } from '../../src/support/docker-cli.ts';
import { poll } from '../poll.ts';
import type { Cluster, StepContext } from '../up/phase.ts';

/** Managers miss a node after three heartbeats, 15 s (Docker's own default). */
const missedMs = 25_000;

/**
 * Resolves when the managers miss the nodes that could not be reached. In an update Docker waits for ever for the task of a node
 * that it takes for ready, and goes without those that it knows to be down. One that still gives signs of life is well without us.
 */
export async function awaitMissing(
  docker: DockerCli,
  { facts, swarm }: Pick<Cluster, 'facts' | 'swarm'>,
  { clock, say, signal }: Pick<StepContext, 'clock' | 'say' | 'signal'>,
): Promise<void> {
  const reached = new Set([...facts.values()].map((one) => one.docker?.swarm.nodeId));
  const away = (swarm?.nodes ?? []).filter(({ id, isReady }) => isReady && !reached.has(id));
  if (away.length === 0) return;
  say(`waiting until the managers miss ${away.map(({ hostName }) => hostName).join(' and ')}`);
  const ids = away.map(({ id }) => id);
  const states = () => docker.run(['node', 'inspect', '--format', '{{.Status.State}}', ...ids]);
  await poll(async () => !(await states()).includes('ready'), { clock, timeoutMs: missedMs, signal });
}
