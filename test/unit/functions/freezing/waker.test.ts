import { describe, expect, it } from 'vitest';
import { MemoryBus } from '../../../../src/bus/bus.memory.ts';
import { AwakeCatalogue } from '../../../../src/functions/freezing/awake-catalogue.ts';
import { Waker } from '../../../../src/functions/freezing/waker.ts';
import { createInvoke } from '../../../../src/functions/invoke.ts';
import { ManualClock } from '../../../../src/support/clock.manual.ts';
import { silentLog } from '../../../../src/support/log.ts';
import { Metrics } from '../../../../src/support/metrics.ts';
import { buildEndpoint, FakeCatalogue } from '../../../support/fake-catalogue.ts';
import { containerId } from '../../../support/fake-task-freezer.ts';
import { buildRequest, never } from '../../../support/requests.ts';

async function openWaker({ isOnline = true } = {}) {
  const bus = new MemoryBus();
  if (isOnline) await bus.start();
  const clock = new ManualClock();
  const thawed: string[] = [];
  const thawHere = (name: string) => thawed.push(name);
  const waker = new Waker({ bus, clock, log: silentLog, thawHere });
  const woken = () => bus.published.map(({ topic }) => topic.split('/').at(-1));
  return { bus, clock, thawed, waker, woken };
}

describe('the waker', () => {
  it('wakes a function once in 200 ms, however many ask', async () => {
    const { clock, thawed, waker, woken } = await openWaker();
    for (let i = 0; i < 1_000; i += 1) waker.wake('echo');
    waker.wake('other');
    await clock.advance(199);
    waker.wake('echo');
    expect([woken(), thawed]).toEqual([
      ['echo', 'other'],
      ['echo', 'other'],
    ]);
    await clock.advance(1);
    waker.wake('echo');
    expect(woken()).toEqual(['echo', 'other', 'echo']);
  });

  it('thaws what is frozen here without a broker', async () => {
    const { thawed, waker } = await openWaker({ isOnline: false });
    waker.wake('echo');
    expect(thawed).toEqual(['echo']);
  });
});

describe('invoke with a waker', () => {
  function setUp() {
    const catalogue = new FakeCatalogue();
    const clock = new ManualClock();
    const woken: string[] = [];
    const wake = (name: string) => woken.push(name);
    const invoke = createInvoke({
      catalogue,
      metrics: new Metrics(),
      node: 'here',
      clock,
      newId: () => 'id',
      wake,
    });
    return { catalogue, clock, woken, call: () => invoke('fn', buildRequest(), { signal: never }) };
  }

  it('wakes a function that is scaled to none and waits for it, asking again and again', async () => {
    const { catalogue, clock, woken, call } = setUp();
    catalogue.set('fn', [], { replicas: 0 });
    const answer = call();
    await clock.advance(450);
    expect(woken).toEqual(['fn', 'fn', 'fn']);
    catalogue.set('fn', [buildEndpoint()]);
    expect((await answer).status).toBe(200);
    expect([clock.pendingTimers, catalogue.watchers]).toEqual([0, 0]);
  });

  it('wakes nobody while a replica is ready', async () => {
    const { catalogue, woken, call } = setUp();
    catalogue.set('fn', [buildEndpoint()]);
    await call();
    expect(woken).toEqual([]);
  });
});

describe('the catalogue of what is awake', () => {
  it('leaves out replicas that are frozen, and tells when that changes', () => {
    const placed = new FakeCatalogue();
    const frozenIds = new Set<string>();
    const listeners = new Set<() => void>();
    const catalogue = new AwakeCatalogue(
      Object.assign(placed, { tasks: () => ['a', 'b'].map((id) => ({ id, containerId: containerId(id) })) }),
      {
        has: (id) => frozenIds.has(id),
        get size() {
          return frozenIds.size;
        },
        onChange: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
    );
    let changes = 0;
    const end = catalogue.onChange(() => {
      changes += 1;
    });
    placed.set('fn', [buildEndpoint({ id: 'a' }), buildEndpoint({ id: 'b' })]);
    const ids = () => catalogue.endpoints('fn').map(({ id }) => id);
    expect(ids()).toEqual(['a', 'b']);
    frozenIds.add(containerId('a'));
    for (const listener of listeners) listener();
    expect([ids(), changes]).toEqual([['b'], 2]);
    expect(catalogue.find('fn')).toBe(catalogue.entries()[0]);
    end();
    expect([listeners.size, placed.watchers]).toEqual([0, 0]);
  });
});
