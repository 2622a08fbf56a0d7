import type { DockerCli } from '../../src/support/docker-cli.ts';
import { BrambleError } from '../../src/support/errors.ts';
import type { InventoryNode } from '../inventory.ts';
import { poll } from '../poll.ts';
import type { Cluster, StepContext, SwarmNode } from '../up/phase.ts';

/**
 * What the Swarm still knows of a node as it was before its card was flashed anew: it joins as another one, and its earlier self
 * stays behind, down for ever.
 */
export function earlierSelves({ name }: InventoryNode, { facts, swarm }: Cluster): readonly SwarmNode[] {
  const docker = facts.get(name)?.docker;
  if (docker !== undefined && !docker.isRunning) return []; // which of them it is it will tell when it runs
  return (swarm?.nodes ?? []).filter(({ id, hostName }) => hostName === name && id !== docker?.swarm.nodeId);
}

/** Managers miss a node after three heartbeats, 15 s (Docker's own default). */
const missedMs = 60_000;

/** What a node is to managers that have heard of it, and to those that have just taken the lead and may still hear of it. */
const mayLive = ['ready', 'unknown'];

/** Resolves when the managers miss it. One that still gives signs of life is another machine: CONFLICT. */
export async function untilMissed(
  docker: DockerCli,
  { id, hostName }: Pick<SwarmNode, 'id' | 'hostName'>,
  { clock, signal }: Pick<StepContext, 'clock' | 'signal'>,
): Promise<void> {
  const state = () => docker.run(['node', 'inspect', '--format', '{{.Status.State}}', id]);
  const isMissed = async () => !mayLive.includes(await state());
  if (!(await poll(isMissed, { clock, timeoutMs: missedMs, signal })))
    throw new BrambleError(
      'CONFLICT',
      `two machines call themselves ${hostName} in the Swarm; give the other one another host name`,
    );
}
