import { describe, expect, it } from 'vitest';
import { awaitMissing } from '../../../../provision/phases/await-missing.ts';
import type { Cluster } from '../../../../provision/up/phase.ts';
import { healthyCluster, withFacts } from '../../../support/cluster-facts.ts';
import { hastyClock } from '../../../support/memory-life.ts';

/** Asks until the managers say this of the nodes that are away; gives how often, and of whom. */
async function ask(cluster: Cluster, states: readonly string[]) {
  const asked: string[] = [];
  const docker = {
    run: async (args: readonly string[]) => {
      asked.push(args.slice(4).join(' '));
      return states[asked.length - 1] ?? states.at(-1) ?? '';
    },
  };
  const { signal } = new AbortController();
  await awaitMissing(docker, cluster, { clock: hastyClock(), say: () => {}, signal });
  return asked;
}

const twoAway = withFacts(withFacts(healthyCluster(), 'pi-02', undefined), 'pi-03', undefined);

describe('an update', () => {
  it('does not wait where every node was reached', async () => {
    expect(await ask(healthyCluster(), ['ready'])).toEqual([]);
  });

  it('waits until the managers miss every node that was not', async () => {
    const asked = await ask(twoAway, ['ready\nready', 'down\nready', 'down\ndown', 'unseen']);
    expect(asked).toEqual(Array(3).fill('id-pi-02 id-pi-03'));
  });

  it('goes on with one that is at work and only does not let us in', async () => {
    expect((await ask(twoAway, ['ready\ndown'])).length).toBeGreaterThan(10);
  });
});
