import { beforeEach, describe, expect, it } from 'vitest';
import { Gone, type Replica } from '../../../../src/functions/process/replica.ts';
import { planReplicas } from '../../../../src/functions/process/replica-plan.ts';
import { ReplicaSet, type Version } from '../../../../src/functions/process/replica-set.ts';
import { ManualClock } from '../../../../src/support/clock.manual.ts';
import { silentLog } from '../../../../src/support/log.ts';
import { buildEndpoint } from '../../../support/fake-catalogue.ts';

/** A replica whose life a test tells. */
class FakeReplica implements Replica {
  readonly node = 'here';
  readonly inFlight = 0;
  readonly invoke = buildEndpoint().invoke;
  readonly id: string;
  readonly #gone = new Gone();
  readonly stops: number[] = [];
  becomeReady: () => void = () => {};
  failToStart: () => void = () => {};

  constructor(id: string) {
    this.id = id;
  }

  get gone(): Promise<string> {
    return this.#gone.promise;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.becomeReady = resolve;
      this.failToStart = () => reject(new Error('no'));
    });
  }

  die(): void {
    this.#gone.tell('died');
  }

  async stop(drainMs: number): Promise<void> {
    this.stops.push(drainMs);
    this.failToStart();
  }
}

describe('a set of replicas', () => {
  let clock: ManualClock;
  let made: FakeReplica[];
  let restarts: number;
  beforeEach(() => {
    clock = new ManualClock();
    made = [];
    restarts = 0;
  });

  function newVersion(): Version {
    return {
      drainMs: 7,
      createReplica(id) {
        const replica = new FakeReplica(id);
        made.push(replica);
        return replica;
      },
    };
  }

  function newSet(wanted: number): ReplicaSet {
    const onRestart = () => {
      restarts += 1;
    };
    const set = new ReplicaSet(newVersion(), wanted, {
      name: 'fn',
      clock,
      log: silentLog,
      onChange: () => {},
      onRestart,
    });
    set.start();
    return set;
  }

  const settle = () => clock.advance(0);
  const readyIds = (set: ReplicaSet) => set.ready.map(({ id }) => id);
  const replica = (i: number): FakeReplica => made.at(i) ?? expect.unreachable(`no replica ${i}`);

  async function makeReady(...numbers: number[]): Promise<void> {
    for (const i of numbers) replica(i).becomeReady();
    await settle();
  }

  it('counts only the newest version, so that who updates learns that it does not start', async () => {
    const set = newSet(1);
    await makeReady(0);
    expect(set.readyOfNewest).toBe(1);
    set.replace(newVersion(), 1);
    replica(1).failToStart();
    await settle();
    expect([set.ready.length, set.readyOfNewest]).toEqual([1, 0]);
    await makeReady(2);
    expect([set.ready.length, set.readyOfNewest]).toEqual([1, 1]);
  });

  it('starts as many as are wanted, and counts those that are ready', async () => {
    const set = newSet(2);
    expect(made).toHaveLength(2);
    expect(set.ready).toEqual([]);
    await makeReady(0);
    expect(readyIds(set)).toEqual(['fn-1']);
  });

  it('starts another at once for one that died after a stable time', async () => {
    const set = newSet(1);
    await makeReady(0);
    await clock.advance(1_000);
    replica(0).die();
    await settle();
    expect(readyIds(set)).toEqual([]);
    expect(made).toHaveLength(2);
    expect(replica(0).stops).toContain(0);
    expect(restarts).toBe(1);
  });

  it('waits longer and longer, but not for ever, before it starts one again that dies at once', async () => {
    newSet(1);
    const waits: number[] = [];
    for (let death = 1; death <= 12; death += 1) {
      replica(-1).failToStart();
      await settle();
      const count = made.length;
      let waitedMs = 0;
      while (made.length === count && death > 1) {
        await clock.advance(50);
        waitedMs += 50;
      }
      waits.push(waitedMs);
    }
    expect(waits[0]).toBe(0);
    expect(Math.max(...waits)).toBeGreaterThan(400);
    expect(Math.max(...waits)).toBeLessThanOrEqual(10_050);
  });

  it('takes those away first that are not ready yet, then the youngest, and lets them finish', async () => {
    const set = newSet(3);
    await makeReady(0, 1);
    set.scale(1);
    expect(readyIds(set)).toEqual(['fn-1']);
    await settle();
    expect(replica(1).stops[0]).toBe(7);
    expect(replica(2).stops[0]).toBe(7);
  });

  it('replaces one after the other: a new one is ready before an old one goes', async () => {
    const set = newSet(2);
    await makeReady(0, 1);
    set.replace(newVersion(), 2);
    expect(made).toHaveLength(3);
    expect(readyIds(set)).toEqual(['fn-1', 'fn-2']);
    await makeReady(2);
    expect(readyIds(set)).toEqual(['fn-2', 'fn-3']);
    await makeReady(3);
    expect(readyIds(set)).toEqual(['fn-3', 'fn-4']);
    expect([replica(0).stops[0], replica(1).stops[0]]).toEqual([7, 7]);
  });

  it('goes on serving with old ones as long as new ones cannot start', async () => {
    const set = newSet(1);
    await makeReady(0);
    set.replace(newVersion(), 1);
    for (let i = 0; i < 5; i += 1) {
      replica(-1).failToStart();
      await clock.advance(10_000);
    }
    expect(readyIds(set)).toEqual(['fn-1']);
    await makeReady(-1);
    expect(readyIds(set)).toEqual([replica(-1).id]);
  });

  it('ends all when it stops, those that are starting too, and starts none again', async () => {
    const set = newSet(2);
    await makeReady(0);
    await set.stop(5);
    expect(set.ready).toEqual([]);
    expect(made.map(({ stops }) => stops[0])).toEqual([5, 5]);
    await clock.advance(60_000);
    expect(made).toHaveLength(2);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('the plan for replicas', () => {
  it.each([
    [
      { wanted: 3, starting: 0, ready: 0, old: 0 },
      { start: 3, retireNew: 0, retireOld: 0 },
    ],
    [
      { wanted: 3, starting: 1, ready: 1, old: 0 },
      { start: 1, retireNew: 0, retireOld: 0 },
    ],
    [
      { wanted: 1, starting: 1, ready: 2, old: 0 },
      { start: 0, retireNew: 2, retireOld: 0 },
    ],
    [
      { wanted: 3, starting: 0, ready: 0, old: 3 },
      { start: 1, retireNew: 0, retireOld: 0 },
    ],
    [
      { wanted: 3, starting: 1, ready: 0, old: 3 },
      { start: 0, retireNew: 0, retireOld: 0 },
    ],
    [
      { wanted: 3, starting: 0, ready: 1, old: 3 },
      { start: 1, retireNew: 0, retireOld: 1 },
    ],
    [
      { wanted: 3, starting: 0, ready: 3, old: 1 },
      { start: 0, retireNew: 0, retireOld: 1 },
    ],
    [
      { wanted: 0, starting: 0, ready: 0, old: 2 },
      { start: 0, retireNew: 0, retireOld: 2 },
    ],
  ])('for %j is %j', (counts, plan) => {
    expect(planReplicas(counts)).toEqual(plan);
  });
});
