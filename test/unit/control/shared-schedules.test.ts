import { describe, expect, test } from 'vitest';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import type { Bus } from '../../../src/bus/bus.ts';
import { SharedSchedules } from '../../../src/control/shared-schedules.ts';
import { topics } from '../../../src/events/topics.ts';
import { MemoryStore } from '../../../src/store/store.memory.ts';
import { BrambleError } from '../../../src/support/errors.ts';
import { silentLog } from '../../../src/support/log.ts';

async function openManager(bus: MemoryBus) {
  const store = new MemoryStore();
  await store.start(new AbortController().signal);
  const schedules = new SharedSchedules({ bus, store, log: silentLog });
  await schedules.start();
  return schedules;
}

async function openBus(): Promise<MemoryBus> {
  const bus = new MemoryBus();
  await bus.start();
  return bus;
}

const position = (lastMs: number) => ({ expression: '* * * * *', timeZone: 'UTC', lastMs, deliveryId: 7 });

describe('where schedules stand', () => {
  test('is known to the next leader, but for the delivery that is on the disk of the last one', async () => {
    const bus = await openBus();
    const first = await openManager(bus);
    await first.putDocument('schedule', 'report', position(1_000));
    const second = await openManager(bus);
    expect(await second.documents('schedule')).toEqual([
      { key: 'report', value: { ...position(1_000), deliveryId: null } },
    ]);
    expect(await first.documents('schedule')).toEqual([{ key: 'report', value: position(1_000) }]);
  });

  test('is the later of what the disk and the bus have', async () => {
    const bus = await openBus();
    const first = await openManager(bus);
    const second = await openManager(bus);
    await first.putDocument('schedule', 'report', position(1_000));
    await second.putDocument('schedule', 'report', position(2_000));
    expect(await first.documents('schedule')).toMatchObject([{ value: { lastMs: 2_000, deliveryId: null } }]);
  });

  test('is set right when an earlier leader comes late', async () => {
    const bus = await openBus();
    const leader = await openManager(bus);
    await leader.putDocument('schedule', 'report', position(2_000));
    const late = JSON.stringify(position(1_000));
    await bus.publish({ topic: topics.schedule('report'), payload: late, retain: true });
    const next = await openManager(bus);
    expect(await next.documents('schedule')).toMatchObject([{ value: { lastMs: 2_000 } }]);
  });

  test('is told to the others when the broker is back', async () => {
    const bus = await openBus();
    const first = await openManager(bus);
    await bus.setState('offline');
    await first.putDocument('schedule', 'report', position(1_000));
    await bus.setState('online');
    const second = await openManager(bus);
    await expect.poll(async () => (await second.documents('schedule')).length).toBe(1);
  });

  test('is told again when the connection broke before the broker had it', async () => {
    const bus = await openBus();
    const store = new MemoryStore();
    await store.start(new AbortController().signal);
    let isBroken = true;
    const publish: Bus['publish'] = async (message) => {
      if (isBroken) throw new BrambleError('BUS_OFFLINE', 'broke off');
      await bus.publish(message);
    };
    const breaking: Pick<Bus, 'subscribe' | 'publish' | 'state' | 'onState'> = {
      state: 'online',
      publish,
      subscribe: (...args) => bus.subscribe(...args),
      onState: (listener) => bus.onState(listener),
    };
    const first = new SharedSchedules({ bus: breaking, store, log: silentLog });
    await first.start();
    await first.putDocument('schedule', 'report', position(1_000));
    await expect(first.catchUp('report')).rejects.toMatchObject({ code: 'BUS_OFFLINE' });
    isBroken = false;
    await bus.setState('offline');
    await bus.setState('online');
    const second = await openManager(bus);
    await expect.poll(async () => (await second.documents('schedule')).length).toBe(1);
  });

  test('is learned from the others by a leader that did not hear them', async () => {
    const bus = await openBus();
    const asleep = await openManager(bus);
    await asleep.putDocument('schedule', 'report', position(1_000));
    const next = await openManager(bus);
    await next.putDocument('schedule', 'report', position(5_000));
    await asleep.catchUp('report');
    expect(await asleep.documents('schedule')).toMatchObject([{ value: { lastMs: 5_000 } }]);
    const third = await openManager(bus);
    expect(await third.documents('schedule')).toMatchObject([{ value: { lastMs: 5_000 } }]);
  });

  test('need not be learned without a broker: schedules go on', async () => {
    const bus = await openBus();
    const manager = await openManager(bus);
    await manager.putDocument('schedule', 'report', position(1_000));
    await bus.setState('offline');
    await expect(manager.catchUp('report')).resolves.toBeUndefined();
  });

  test('is forgotten with the function', async () => {
    const bus = await openBus();
    const first = await openManager(bus);
    await first.putDocument('schedule', 'report', position(1_000));
    await first.removeDocument('schedule', 'report');
    expect(await (await openManager(bus)).documents('schedule')).toEqual([]);
  });

  test('is not taken from anything else that is said on its topic', async () => {
    const bus = await openBus();
    const manager = await openManager(bus);
    await bus.publish({ topic: topics.schedule('report'), payload: 'soon', retain: true });
    expect(await manager.documents('schedule')).toEqual([]);
  });
});
