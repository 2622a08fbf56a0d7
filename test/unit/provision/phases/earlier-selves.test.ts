import { expect, it } from 'vitest';
import { earlierSelves, untilMissed } from '../../../../provision/phases/earlier-selves.ts';
import { healthyCluster, withFacts, withSwarm } from '../../../support/cluster-facts.ts';
import { ImpatientClock } from '../../../support/impatient-clock.ts';

const { signal } = new AbortController();
const lost = { id: 'lost', hostName: 'pi-02' };

/** pi-02 is known as itself, and as what it was. */
function twice() {
  const healthy = healthyCluster();
  const nodes = healthy.swarm?.nodes.flatMap((node) =>
    node.hostName === 'pi-02' ? [{ ...node, ...lost, isReady: false }, node] : [node],
  );
  return withSwarm(healthy, { nodes: nodes ?? [] });
}

function idsOf(cluster: ReturnType<typeof twice>): string[] {
  const [, second] = cluster.wanted.nodes;
  return second === undefined ? [] : earlierSelves(second, cluster).map(({ id }) => id);
}

it('are what has the name of a node and is not the node', () => {
  expect(idsOf(healthyCluster())).toEqual([]);
  expect(idsOf(twice())).toEqual(['lost']);
});

it('are all that has its name when it is in no Swarm yet', () => {
  expect(idsOf(withFacts(twice(), 'pi-02', { docker: undefined }))).toEqual(['lost', 'id-pi-02']);
});

it('are not told from itself while its Docker does not run', () => {
  const docker = twice().facts.get('pi-02')?.docker;
  if (docker === undefined) throw new Error('it has no Docker');
  expect(idsOf(withFacts(twice(), 'pi-02', { docker: { ...docker, isRunning: false } }))).toEqual([]);
});

it('are waited for until the managers miss them, also those who have just begun to manage', async () => {
  const states = ['ready', 'unknown', 'unknown', 'down'];
  await untilMissed({ run: async () => states.shift() ?? '' }, lost, { clock: new ImpatientClock(), signal });
  expect(states).toEqual([]);
});

it('are another machine when they go on living', async () => {
  const living = untilMissed({ run: async () => 'ready' }, lost, { clock: new ImpatientClock(), signal });
  await expect(living).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining('two machines call themselves pi-02'),
  });
});
