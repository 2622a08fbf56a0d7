import { describe, expect, it } from 'vitest';
import { allPhases } from '../../../../provision/phases/all-phases.ts';
import type { Cluster } from '../../../../provision/up/phase.ts';
import { bareCluster, healthyCluster, inventoryOf, wish, withFacts } from '../../../support/cluster-facts.ts';

const planOf = (cluster: Cluster) =>
  allPhases(wish).flatMap((phase) =>
    phase.plan(cluster).map(({ node, title }) => `${phase.name} ${node}: ${title}`),
  );

describe('all phases together', () => {
  it('have nothing to do on a healthy cluster', () => {
    expect(planOf(healthyCluster())).toEqual([]);
    expect(allPhases(wish).flatMap((phase) => phase.refuse?.(healthyCluster()) ?? [])).toEqual([]);
  });

  it('have nothing to do on a healthy cluster with three managers, labels and found hardware', () => {
    const nodes = ['manager', 'manager', 'manager', 'worker'] as const;
    const wanted = inventoryOf(nodes.map((role) => ({ role, labels: { room: 'hall' } })));
    expect(planOf(healthyCluster(wanted))).toEqual([]);
  });

  it('tell for bare machines what will be done, in its order', () => {
    expect(planOf(bareCluster())).toMatchInlineSnapshot(`
      [
        "docker pi-01: install Docker from Debian",
        "docker pi-02: install Docker from Debian",
        "docker pi-03: install Docker from Debian",
        "swarm pi-01: begin a Swarm",
        "workers pi-02: join the Swarm as a worker",
        "workers pi-03: join the Swarm as a worker",
        "registry pi-01: serve images to all nodes at 192.168.1.21:5000",
        "trust pi-01: get a certificate for the registry at 192.168.1.21:5000",
        "trust pi-02: get a certificate for the registry at 192.168.1.21:5000",
        "trust pi-03: get a certificate for the registry at 192.168.1.21:5000",
        "image pi-01: load /images/agent.tar as 192.168.1.21:5000/bramble:0a1b2c",
        "pull pi-01: pull 192.168.1.21:5000/bramble:0a1b2c",
        "pull pi-02: pull 192.168.1.21:5000/bramble:0a1b2c",
        "pull pi-03: pull 192.168.1.21:5000/bramble:0a1b2c",
        "stack pi-01: deploy Bramble on all 3 nodes and wait until it is healthy",
        "verify pi-01: see it online, its sensors and lights at work, and a function answer",
        "verify pi-02: see it online, its sensors and lights at work, and a function answer",
        "verify pi-03: see it online, its sensors and lights at work, and a function answer",
      ]
    `);
  });

  it('leave a node alone that was not reached, but go on with the others', () => {
    const plan = planOf(withFacts(bareCluster(), 'pi-03', undefined));
    expect(plan.filter((line) => line.includes('pi-03:'))).toEqual([]);
    expect(plan).toContain('workers pi-02: join the Swarm as a worker');
  });

  it('refuse a node of another architecture before it joins', () => {
    const cluster = withFacts(bareCluster(), 'pi-02', { architecture: 'armhf' });
    const refusals = allPhases(wish).flatMap(
      (phase) =>
        phase.refuse?.(cluster).map(({ node, error }) => `${phase.name} ${node}: ${error.code}`) ?? [],
    );
    expect(refusals).toEqual(['validate pi-02: UNSUPPORTED']);
  });
});
