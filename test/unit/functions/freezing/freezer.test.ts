import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryBus } from '../../../../src/bus/bus.memory.ts';
import { Freezer } from '../../../../src/functions/freezing/freezer.ts';
import {
  decodeFreezerState,
  encodeFreezeCommand,
  encodeFreezerState,
} from '../../../../src/functions/freezing/freezer-message.ts';
import { FrozenTasks } from '../../../../src/functions/freezing/frozen-tasks.ts';
import { ManualClock } from '../../../../src/support/clock.manual.ts';
import { silentLog } from '../../../../src/support/log.ts';
import { Metrics } from '../../../../src/support/metrics.ts';
import { containerId, FakeTaskFreezer } from '../../../support/fake-task-freezer.ts';

const one = containerId('a1');
const two = containerId('b2');
const at = '2026-01-01T00:00:00.000Z';

async function openFreezer({ bus = new MemoryBus(), tasks = new FakeTaskFreezer(one, two) } = {}) {
  const clock = new ManualClock();
  const metrics = new Metrics();
  await bus.start();
  const freezer = new Freezer({ node: 'pi-01', bus, tasks, clock, log: silentLog, metrics });
  const frozen = new FrozenTasks(bus, silentLog);
  await frozen.start();
  await freezer.start();
  onTestFinished(() => freezer.stop());
  const tell = (id: string, isFrozen: boolean, name = 'echo') =>
    bus.publish({
      topic: 'bramble/pi-01/freezer/task/set',
      payload: encodeFreezeCommand({ function: name, containerId: id, frozen: isFrozen }),
    });
  const wake = (name: string) =>
    bus.publish({ topic: `bramble/all/wake/function/${name}`, payload: '', qos: 0 });
  const said = () =>
    bus.published
      .filter(({ topic }) => topic === 'bramble/pi-01/freezer')
      .map(({ payload }) => decodeFreezerState(Buffer.from(payload))?.tasks.map((task) => task.containerId));
  return { bus, clock, freezer, frozen, metrics, said, tasks, tell, wake };
}

describe('the freezer', () => {
  it('says that a replica is frozen a second before it is, so that nobody sends it a request meanwhile', async () => {
    const { clock, frozen, tasks, tell } = await openFreezer();
    await tell(one, true);
    await clock.advance(999);
    expect([frozen.has(one), tasks.frozen.has(one)]).toEqual([true, false]);
    await clock.advance(1);
    expect([frozen.has(one), frozen.has(two), tasks.frozen.has(one)]).toEqual([true, false, true]);
  });

  it('says that it is not only when it runs again', async () => {
    const { clock, frozen, tasks, tell } = await openFreezer();
    await tell(one, true);
    await clock.advance(1_000);
    let open = () => {};
    tasks.gate = new Promise((resolve) => {
      open = resolve;
    });
    await tell(one, false);
    await clock.advance(10);
    expect(frozen.has(one)).toBe(true);
    open();
    await clock.advance(10);
    expect([frozen.has(one), tasks.frozen.size]).toEqual([false, 0]);
  });

  it('thaws what is frozen of a function that somebody waits for, and nothing else', async () => {
    const { clock, tasks, tell, wake } = await openFreezer();
    await tell(one, true, 'echo');
    await tell(two, true, 'other');
    await clock.advance(1_000);
    await wake('echo');
    await clock.advance(1);
    expect([...tasks.frozen]).toEqual([two]);
  });

  it('does not freeze one that is called in the second of notice', async () => {
    const { clock, frozen, tasks, tell, wake } = await openFreezer();
    await tell(one, true);
    await wake('echo');
    await clock.advance(5_000);
    expect([tasks.frozen.size, frozen.size]).toEqual([0, 0]);
  });

  it('thaws one that is called while it is being frozen', async () => {
    const { clock, frozen, tasks, tell, wake } = await openFreezer();
    let open = () => {};
    tasks.gate = new Promise((resolve) => {
      open = resolve;
    });
    await tell(one, true);
    await clock.advance(1_000);
    await wake('echo');
    open();
    await clock.advance(1);
    expect([tasks.frozen.size, frozen.size]).toEqual([0, 0]);
  });

  it('freezes once what it is told twice', async () => {
    const { clock, said, tell } = await openFreezer();
    await tell(one, true);
    await clock.advance(2_000);
    await tell(one, true);
    await clock.advance(2_000);
    expect(said()).toEqual([[one]]);
  });

  it('takes back what it said about one that cannot be frozen', async () => {
    const { clock, metrics, said, tell } = await openFreezer({ tasks: new FakeTaskFreezer() });
    await tell(one, true);
    await clock.advance(1_000);
    expect(said()).toEqual([[one], []]);
    expect(await metrics.render()).toContain('bramble_freezer_failures_total{action="freeze"} 1');
  });

  it('goes on to call one frozen that was not thawed, until asked again', async () => {
    const { clock, frozen, tasks, tell, wake } = await openFreezer();
    await tell(one, true);
    await clock.advance(1_000);
    tasks.isStuck = true;
    await wake('echo');
    await clock.advance(1);
    expect(frozen.has(one)).toBe(true);
    tasks.isStuck = false;
    await wake('echo');
    await clock.advance(1);
    expect(frozen.has(one)).toBe(false);
  });

  it('finds out what was removed or thawed by others', async () => {
    const { clock, frozen, tasks, tell } = await openFreezer();
    await tell(one, true);
    await clock.advance(1_000);
    tasks.containers.delete(one);
    await clock.advance(10_000);
    expect(frozen.size).toBe(0);
  });

  it('thaws everything when it stops', async () => {
    const { clock, freezer, frozen, tasks, tell } = await openFreezer();
    await tell(one, true);
    await clock.advance(1_000);
    await tell(two, true);
    await freezer.stop();
    expect([tasks.frozen.size, frozen.size, clock.pendingTimers]).toEqual([0, 0, 0]);
  });

  it('takes over what an agent that ended badly left frozen', async () => {
    const bus = new MemoryBus();
    await bus.start();
    const tasks = [one, two].map((id) => ({ function: 'echo', containerId: id }));
    const payload = encodeFreezerState({ node: 'pi-01', at, tasks });
    await bus.publish({ topic: 'bramble/pi-01/freezer', payload, retain: true });
    const kept = new FakeTaskFreezer(one, two);
    kept.frozen.add(one);
    const { clock, frozen, wake } = await openFreezer({ bus, tasks: kept });
    await clock.advance(1);
    expect([frozen.has(one), frozen.has(two)]).toEqual([true, false]);
    await wake('echo');
    await clock.advance(1);
    expect([kept.frozen.size, frozen.size]).toEqual([0, 0]);
  });

  it('says the truth again over a new connection', async () => {
    const { bus, clock, said, tell } = await openFreezer();
    await tell(one, true);
    await clock.advance(1_000);
    await bus.setState('offline');
    await bus.setState('online');
    await clock.advance(1);
    expect(said()).toEqual([[one], [one]]);
  });

  it.each([
    ['a path for an id', { function: 'echo', containerId: '../../etc', frozen: true }],
    ['a short id', { function: 'echo', containerId: 'a1', frozen: true }],
    ['no state', { function: 'echo', containerId: one }],
  ])('ignores a command with %s', async (_, command) => {
    const { bus, clock, said } = await openFreezer();
    await bus.publish({ topic: 'bramble/pi-01/freezer/task/set', payload: JSON.stringify(command) });
    await clock.advance(2_000);
    expect(said()).toEqual([]);
  });
});

describe('what is known to be frozen', () => {
  it('is what each node said last, and changes are told', async () => {
    const bus = new MemoryBus();
    await bus.start();
    const frozen = new FrozenTasks(bus, silentLog);
    await frozen.start();
    let changes = 0;
    const end = frozen.onChange(() => {
      changes += 1;
    });
    const say = (node: string, ...ids: readonly string[]) =>
      bus.publish({
        topic: `bramble/${node}/freezer`,
        payload: encodeFreezerState({
          node,
          at,
          tasks: ids.map((id) => ({ function: 'fn', containerId: id })),
        }),
        retain: true,
      });
    await say('pi-01', one);
    await say('pi-02', two);
    await say('pi-01');
    expect([frozen.has(one), frozen.has(two), frozen.size, changes]).toEqual([false, true, 1, 3]);
    await bus.publish({ topic: 'bramble/pi-03/freezer', payload: '{}' });
    end();
    await bus.publish({ topic: 'bramble/pi-02/freezer', payload: '', retain: true });
    expect([frozen.size, changes]).toEqual([0, 3]);
  });
});
