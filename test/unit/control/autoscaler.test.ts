import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import { Autoscaler, type ScaledFunction } from '../../../src/control/autoscaler.ts';
import { type Demand, noDemand } from '../../../src/control/demand-board.ts';
import { createFreezing } from '../../../src/control/freezing.ts';
import type { FunctionScaled } from '../../../src/events/event.ts';
import { decodeFreezeCommand } from '../../../src/functions/freezing/freezer-message.ts';
import { parseSettings } from '../../../src/functions/settings.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { silentLog } from '../../../src/support/log.ts';
import { Metrics } from '../../../src/support/metrics.ts';
import { containerId } from '../../support/fake-task-freezer.ts';
import { scaleLabels } from '../../support/simulate-load.ts';

/** A cluster that does what it is told: at once, or not before `list` is thawed. */
async function openCluster({ labels = {}, hasHealthCheck = false, freezes = true } = {}) {
  const bus = new MemoryBus();
  const clock = new ManualClock();
  const metrics = new Metrics();
  await bus.start();
  const settings = parseSettings({ service: 'echo', labels: scaleLabels(labels) });
  const state = {
    isLeader: true,
    replicas: 1,
    frozen: new Set<string>(),
    demand: noDemand as Demand,
    scaled: [] as number[],
    failure: undefined as Error | undefined,
    /** What the list of functions shows instead of the truth. */
    shown: undefined as number | undefined,
  };
  const reported: FunctionScaled[] = [];
  await bus.subscribe('bramble/+/freezer/task/set', ({ payload }) => {
    const command = decodeFreezeCommand(payload);
    if (command === undefined || !freezes) return;
    if (command.frozen) state.frozen.add(command.containerId);
    else state.frozen.delete(command.containerId);
  });
  const list = (): ScaledFunction[] => [
    {
      name: 'echo',
      settings,
      replicas: state.shown ?? state.replicas,
      tasks: Array.from({ length: state.replicas }, (_, i) => {
        const id = containerId(`a${i}`);
        return { node: 'pi-01', function: 'echo', containerId: id, isFrozen: state.frozen.has(id) };
      }),
      hasHealthCheck,
    },
  ];
  const autoscaler = new Autoscaler({
    node: 'pi-01',
    leader: { isLeader: () => state.isLeader },
    bus,
    functions: list,
    demandOf: () => state.demand,
    scale: async (_, replicas) => {
      if (state.failure !== undefined) throw state.failure;
      state.scaled.push(replicas);
      state.replicas = replicas;
    },
    freezing: createFreezing(bus),
    report: async (event) => {
      reported.push(event);
    },
    clock,
    newId: () => `id-${reported.length}`,
    log: silentLog,
    metrics,
  });
  await autoscaler.start();
  onTestFinished(() => autoscaler.stop());
  const wake = () => bus.publish({ topic: 'bramble/all/wake/function/echo', payload: '', qos: 0 });
  const ask = (fields: Partial<Demand>) => {
    state.demand = { ...noDemand, ...fields };
  };
  return { ask, autoscaler, bus, clock, metrics, reported, state, wake };
}

const zero = { zero: 'true', 'zero-duration': '5m' };

describe('the autoscaler', () => {
  it('scales, says so with figures, and counts it', async () => {
    const { ask, clock, metrics, reported, state } = await openCluster();
    ask({ inFlight: 47, waiting: 3 });
    await clock.advance(1_000);
    expect(state.scaled).toEqual([5]);
    expect(reported).toEqual([
      {
        type: 'function.scaled',
        id: 'id-0',
        node: 'pi-01',
        time: '2026-01-01T00:00:01.000Z',
        function: 'echo',
        replicas: 5,
        replicasBefore: 1,
        frozen: false,
        reason: 'load',
        explanation: '47 in flight, 3 waiting, 0.0 calls/s; one replica takes 10 (capacity)',
      },
    ]);
    expect(await metrics.render()).toContain(
      'bramble_autoscale_decisions_total{function_name="echo",reason="load"} 1',
    );
  });

  it('does nothing while another is the leader, and begins anew when it is', async () => {
    const { ask, clock, state, wake } = await openCluster();
    ask({ inFlight: 47 });
    state.isLeader = false;
    await clock.advance(5_000);
    await wake();
    expect(state.scaled).toEqual([]);
    state.isLeader = true;
    await clock.advance(1_000);
    ask({});
    state.isLeader = false;
    await clock.advance(50_000);
    state.isLeader = true;
    await clock.advance(60_000);
    expect(state.scaled).toEqual([5]);
    await clock.advance(1_000);
    expect(state.scaled).toEqual([5, 1]);
  });

  it('does not act again on a list that does not show yet what it did', async () => {
    const { ask, clock, reported, state } = await openCluster();
    ask({ inFlight: 100 });
    state.shown = 1;
    await clock.advance(4_000);
    state.shown = undefined;
    await clock.advance(10_000);
    expect([state.scaled, reported.length]).toEqual([[10], 1]);
  });

  it('tries again a second later what failed, and says nothing before it is done', async () => {
    const { ask, clock, metrics, reported, state } = await openCluster();
    ask({ inFlight: 100 });
    state.failure = new Error('no quorum');
    await clock.advance(3_000);
    expect([state.scaled, reported]).toEqual([[], []]);
    expect(await metrics.render()).toContain('bramble_autoscale_failures_total{function_name="echo"} 3');
    state.failure = undefined;
    await clock.advance(1_000);
    expect(state.scaled).toEqual([10]);
  });

  it('waits no second window when taking replicas away failed', async () => {
    const { ask, clock, state } = await openCluster();
    ask({ inFlight: 100 });
    await clock.advance(1_000);
    ask({});
    state.failure = new Error('no quorum');
    await clock.advance(65_000);
    state.failure = undefined;
    await clock.advance(1_000);
    expect(state.scaled).toEqual([10, 1]);
  });

  it('freezes an idle function, removes it later, and starts it for the first who waits', async () => {
    const { clock, reported, state, wake } = await openCluster({ labels: zero });
    await clock.advance(62_000);
    expect(state.frozen.size).toBe(1);
    await clock.advance(240_000);
    expect([state.frozen.size, state.replicas]).toEqual([0, 0]);
    await wake();
    await wake();
    await clock.advance(0);
    expect(state.replicas).toBe(1);
    expect(reported.map(({ replicas, frozen, reason }) => [replicas, frozen, reason])).toEqual([
      [1, true, 'idle'],
      [0, false, 'idle'],
      [1, false, 'wake'],
    ]);
  });

  it('thaws a frozen function for the first who waits, at once', async () => {
    const { clock, reported, state, wake } = await openCluster({ labels: zero });
    await clock.advance(62_000);
    await wake();
    await clock.advance(0);
    expect([state.frozen.size, state.scaled]).toEqual([0, []]);
    expect(reported.at(-1)).toMatchObject({ replicas: 1, frozen: false, reason: 'wake' });
  });

  it('freezes also a replica that was put in the place of a frozen one', async () => {
    const { clock, reported, state } = await openCluster({ labels: { ...zero, min: '2' } });
    await clock.advance(62_000);
    state.frozen.delete(containerId('a1'));
    await clock.advance(1_000);
    expect(state.frozen.size).toBe(2);
    expect(reported.filter(({ frozen }) => frozen)).toHaveLength(1);
  });

  it('leaves running what its nodes do not freeze, and says it once', async () => {
    const { clock, reported, state } = await openCluster({ labels: zero, freezes: false });
    await clock.advance(290_000);
    expect(reported.map(({ reason }) => reason)).toEqual(['idle']);
    await clock.advance(20_000);
    expect(state.replicas).toBe(0);
    expect(reported.at(-1)?.explanation).toMatch(/was not frozen: its nodes did not freeze it$/);
  });

  it('does not freeze what Docker checks the health of', async () => {
    const { clock, reported } = await openCluster({ labels: zero, hasHealthCheck: true });
    await clock.advance(290_000);
    expect(reported).toEqual([]);
  });

  it('ignores a wake for a function that is not there', async () => {
    const { bus, clock, state } = await openCluster();
    await bus.publish({ topic: 'bramble/all/wake/function/nobody', payload: '', qos: 0 });
    await clock.advance(1_000);
    expect(state.scaled).toEqual([]);
  });

  it('does nothing after its stop', async () => {
    const { ask, autoscaler, clock, state, wake } = await openCluster();
    await autoscaler.stop();
    ask({ inFlight: 100 });
    await wake();
    await clock.advance(5_000);
    expect([state.scaled, clock.pendingTimers]).toEqual([[], 0]);
  });
});
