import { beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Inventory, readInventory } from '../../../../provision/inventory.ts';
import { allPhases } from '../../../../provision/phases/all-phases.ts';
import type { VerifyWish } from '../../../../provision/phases/verify.ts';
import { reach } from '../../../../provision/up/reach.ts';
import { readFacts } from '../../../../provision/up/read-facts.ts';
import { readSwarm } from '../../../../provision/up/read-swarm.ts';
import { type RunPhasesOptions, runPhases } from '../../../../provision/up/run-phases.ts';
import { parseConfig } from '../../../../src/config/file.ts';
import { loadConfig } from '../../../../src/config/load.ts';
import { internalTopics, topics } from '../../../../src/events/topics.ts';
import { makePublicKey } from '../../../support/bramble-yaml.ts';
import { ImpatientClock } from '../../../support/impatient-clock.ts';
import { faults, MemoryCluster } from '../../../support/memory-cluster/memory-cluster.ts';

const { config } = loadConfig({ env: {} });
const key = makePublicKey();
const { signal } = new AbortController();

type Roles = Readonly<Record<string, 'manager' | 'worker'>>;
const three: Roles = { 'pi-01': 'manager', 'pi-02': 'worker', 'pi-03': 'worker' };

const all: Roles = { 'pi-01': 'manager', 'pi-02': 'manager', 'pi-03': 'manager' };

let cluster: MemoryCluster;
beforeEach(() => {
  cluster = new MemoryCluster(['pi-01', 'pi-02', 'pi-03']);
});

const made = {
  images: {
    agent: { kind: 'build', context: Buffer.from('all of it'), name: 'bramble:1' },
    broker: { kind: 'reference', reference: 'eclipse-mosquitto:2' },
  },
  ...{ config, agentConfig: undefined, internalTopics, topics },
  keepPasswords: async () => {},
} satisfies VerifyWish;
const phases = allPhases(made);

/** Read once each: it takes longer than all of the rest. */
const inventories = new Map<Roles, Inventory>();
function inventoryOf(roles: Roles): Inventory {
  const known = inventories.get(roles);
  if (known !== undefined) return known;
  const nodes = Object.entries(roles).map(([name, role]) => ({
    name,
    role,
    host: cluster.host(name).address,
  }));
  const text = stringify({ cluster: { user: { authorizedKeys: [key] }, nodes } });
  const inventory = readInventory(parseConfig('bramble.yaml', text), '/nowhere');
  inventories.set(roles, inventory);
  return inventory;
}

function up(roles: Roles = three, change: Partial<RunPhasesOptions> = {}) {
  const clock = new ImpatientClock();
  return runPhases({
    wanted: inventoryOf(roles),
    phases,
    remotes: cluster.remotes,
    reach: (remote, context) => reach(remote, { ...context, clock, waitMs: 0 }),
    readFacts: (remote, signal) => readFacts(remote, { clock, signal }),
    readSwarm,
    clock,
    observe: () => {},
    signal,
    mode: 'act',
    width: 1, // so that calls have an order
    ...change,
  });
}

/** What the first manager's Swarm has: `pi-02 worker`. */
function members(): string[] {
  const nodes = [...(cluster.host('pi-01').swarm?.nodes.values() ?? [])];
  return nodes.map((node) => `${node.hostName} ${node.isReady() ? '' : 'lost '}${node.role}`).sort();
}

async function expectHealthy(roles: Roles = three): Promise<void> {
  expect(members()).toEqual(Object.entries(roles).map(([name, role]) => `${name} ${role}`));
  const { steps, failures } = await up(roles);
  expect({ steps, failures }).toEqual({ steps: [], failures: new Map() });
}

describe('bringing a cluster up', () => {
  it('makes bare machines a cluster that was seen to work, and has nothing to do then', async () => {
    const { failures } = await up();
    expect(failures).toEqual(new Map());
    await expectHealthy();
  });

  it('plans every phase of it beforehand, and changes nothing', async () => {
    const { steps } = await up(three, { mode: 'plan' });
    expect([...new Set(steps.map(({ phase }) => phase))]).toEqual([
      ...['docker', 'swarm', 'workers', 'labels', 'registry', 'trust', 'image', 'pull', 'stack', 'verify'],
    ]);
    expect(members()).toEqual([]);
  });

  it('brings a node that was added, one that was wiped, and other roles to where they belong', async () => {
    await up({ 'pi-01': 'manager', 'pi-02': 'worker' });
    await up();
    await expectHealthy();
    cluster.wipe('pi-03');
    await up();
    await expectHealthy();
    await up(all);
    await expectHealthy(all);
    await up();
    await expectHealthy();
  });

  it.each(['pi-01', 'pi-02'])(
    'makes %s a manager again that was lost and made anew, and forgets it as it was',
    async (lost) => {
      await up(all);
      const swarm = cluster.host('pi-03').swarm;
      cluster.wipe(lost);
      const { failures } = await up(all);
      expect(failures).toEqual(new Map());
      expect(cluster.host(lost).swarm).toBe(swarm);
      await expectHealthy(all);
    },
  );

  it('strikes a lost manager off before another joins: else those who are left could be too few', async () => {
    await up(all);
    cluster.wipe('pi-02');
    const { steps } = await up(all);
    expect(steps.filter(({ phase }) => phase === 'managers').map(({ title }) => title)).toEqual([
      'count no more on the manager that it was before',
      'join the Swarm as a manager',
    ]);
  });

  it('gives the broker to the node that has the name of the one that is gone', async () => {
    await up(all);
    cluster.wipe('pi-01');
    await up(all);
    expect(cluster.host('pi-01').node?.labels.get('bramble.broker')).toBe('true');
  });

  it('makes another node the only manager', async () => {
    await up();
    const { failures } = await up({ 'pi-01': 'worker', 'pi-02': 'worker', 'pi-03': 'manager' });
    expect(failures).toEqual(new Map());
    expect(members()).toEqual(['pi-01 worker', 'pi-02 worker', 'pi-03 manager']);
  });

  it('makes managers workers by the word of one that stays', async () => {
    await up(all);
    const { failures } = await up({ 'pi-01': 'worker', 'pi-02': 'worker', 'pi-03': 'manager' });
    expect(failures).toEqual(new Map());
    expect(members()).toEqual(['pi-01 worker', 'pi-02 worker', 'pi-03 manager']);
  });

  it('sets a clock that is wrong', async () => {
    cluster.host('pi-02').clockOffsetMs = -3_600_000;
    const { steps } = await up();
    expect(steps[0]).toMatchObject({ node: 'pi-02', title: expect.stringContaining('3600 s behind') });
    await expectHealthy();
  });

  it('puts no token into a command', async () => {
    await up();
    expect(cluster.calls.filter((call) => call.includes('SWMTKN'))).toEqual([]);
  });
});

describe('a node that was seen to work', () => {
  it('was so with what really runs, not with what the file wants by now', async () => {
    await up();
    const later = allPhases({ ...made, agentConfig: 'log: { level: debug }' });
    // The manager, which would deploy that, is left out.
    const { failures } = await up(three, { phases: later, limit: new Set(['pi-02', 'pi-03']) });
    expect(failures).toEqual(new Map());
    const { steps } = await up(three, { phases: later });
    expect(steps.filter(({ phase }) => phase === 'verify').map(({ node }) => node)).toEqual([
      ...['pi-01', 'pi-02', 'pi-03'],
    ]);
  });
});

describe('a Swarm that is there already', () => {
  it('is not split when its first manager was wiped and the others are away', async () => {
    cluster = new MemoryCluster(['pi-01', 'pi-02', 'pi-03', 'pi-04']);
    const four: Roles = { ...all, 'pi-04': 'worker' };
    await up(four);
    cluster.wipe('pi-01');
    const away = up(four, {
      reach: async ({ name }) => {
        if (['pi-02', 'pi-03'].includes(name)) throw new Error('away');
      },
    });
    await expect(away).rejects.toThrow(expect.objectContaining({ code: 'CONTROL_OFFLINE' }));
    expect(cluster.host('pi-04').swarm).toBe(cluster.host('pi-02').swarm);
  });

  it('is begun anew when its only manager was wiped, and its workers follow', async () => {
    await up();
    cluster.wipe('pi-01');
    await up();
    await expectHealthy();
  });

  it('is left alone when there are two of them', async () => {
    await up({ 'pi-02': 'manager' });
    await up({ 'pi-01': 'manager' });
    await expect(up(all)).rejects.toThrow(/two Swarms/);
  });
});

describe('bringing a cluster up after it went wrong', () => {
  it('has Docker go on with an update that it has given up half-way', async () => {
    await up();
    const updates = cluster.host('pi-01').swarm?.updates;
    updates?.set('bramble_agent', 'rollback_paused');
    const { steps, failures } = await up();
    expect(steps.map(({ phase }) => phase)).toEqual(['stack']);
    expect([failures.size, updates?.size]).toEqual([0, 0]);
    await expectHealthy();
  });

  const two: Roles = { 'pi-01': 'manager', 'pi-02': 'worker' };

  /** How many calls it is from bare to healthy. */
  async function countCalls(): Promise<number> {
    cluster = new MemoryCluster(Object.keys(two));
    await up(two);
    return cluster.calls.length;
  }

  it.each(faults)('goes on where it stopped, whichever call %s', async (fault) => {
    const count = await countCalls();
    for (let number = 1; number <= count; number += 1) {
      cluster = new MemoryCluster(Object.keys(two));
      cluster.breakCall(number, fault);
      await up(two).catch(() => {});
      const call = cluster.calls[number - 1];
      const { failures } = await up(two);
      expect({ call, failures }).toEqual({ call, failures: new Map() });
      await expectHealthy(two);
    }
  });
});
