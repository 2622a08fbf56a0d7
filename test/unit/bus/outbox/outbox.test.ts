import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryBus } from '../../../../src/bus/bus.memory.ts';
import { encodeOutboxEntry, Outbox } from '../../../../src/bus/outbox/outbox.ts';
import type { BrambleEvent } from '../../../../src/events/event.ts';
import { MemoryStore } from '../../../../src/store/store.memory.ts';
import { ManualClock } from '../../../../src/support/clock.manual.ts';
import { BrambleError } from '../../../../src/support/errors.ts';
import { silentLog } from '../../../../src/support/log.ts';
import { Metrics } from '../../../../src/support/metrics.ts';
import { buildDelivery, buildEvent, buildOutboxEntry } from '../../../support/store-values.ts';

const receiptTimeoutMs = 10_000;
const maxOutbox = 1_000;
const never = new AbortController().signal;

describe('outbox', () => {
  let clock: ManualClock;
  let bus: MemoryBus;
  let store: MemoryStore;
  let metrics: Metrics;
  let outbox: Outbox;

  beforeEach(async () => {
    clock = new ManualClock();
    bus = new MemoryBus();
    store = new MemoryStore();
    metrics = new Metrics();
    outbox = createOutbox();
    await store.start(never);
    await bus.start();
    await outbox.start();
  });
  afterEach(async () => {
    await outbox.stop();
    await bus.stop();
    await store.stop();
  });

  const createOutbox = (fields: { random?: () => number } = {}) =>
    new Outbox({
      store,
      bus,
      node: 'pi-01',
      clock,
      log: silentLog,
      metrics,
      receiptTimeoutMs,
      maxOutbox,
      random: () => 1,
      ...fields,
    });
  const publishMany = async (from: number, count: number) => {
    for (let i = from; i < from + count; i += 1) await outbox.publish(measured(`e${i}`));
    await clock.advance(0);
  };
  const confirm = async (...ids: string[]) => {
    await bus.publish({ topic: 'bramble/pi-01/receipts', payload: JSON.stringify({ ids }) });
    await clock.advance(0);
  };
  const sent = () =>
    bus.published.filter(({ topic }) => !topic.endsWith('/receipts')).map(({ properties }) => properties?.id);
  const onDisk = async () => (await store.outbox({ limit: 10_000 })).map(({ id }) => id);
  const metric = async (name: string) => {
    const found = await metrics.registry.getSingleMetric(name)?.get();
    return found?.values[0]?.value;
  };

  describe('with a broker', () => {
    it('publishes an event as soon as it is stored, at least once and with its attributes', async () => {
      await outbox.publish(measured('e1'));
      expect(bus.published).toMatchObject([
        {
          topic: 'bramble/pi-01/temperature/soc',
          qos: 1,
          retain: true,
          contentType: 'application/json',
          properties: { id: 'e1', type: 'temperature.measured' },
        },
      ]);
      expect(JSON.parse(Buffer.from(bus.published[0]?.payload ?? []).toString())).toMatchObject({
        celsius: 21,
      });
    });

    it('keeps an event, though the broker has acknowledged it, until a receipt comes', async () => {
      await publishMany(1, 3);
      expect(await onDisk()).toEqual(['e1', 'e2', 'e3']);
      await confirm('e1', 'e3', 'unknown');
      expect(await onDisk()).toEqual(['e2']);
    });

    it('publishes events in the order in which they were handed over', async () => {
      await Promise.all(['e1', 'e2', 'e3', 'e4'].map((id) => outbox.publish(measured(id))));
      expect(sent()).toEqual(['e1', 'e2', 'e3', 'e4']);
    });

    it('sends at once what was stored with the end of an attempt', async () => {
      const { deliveryIds } = await store.accept(buildEvent(), [buildDelivery()], { nowMs: 0, dedupeMs: 0 });
      const publish = encodeOutboxEntry(measured('e1'), 0);
      await store.settle(Number(deliveryIds[0]), { outcome: 'done' }, { nowMs: 0, publish });
      outbox.offer(publish);
      expect(sent()).toEqual(['e1']);
    });

    it('has 200 unconfirmed events under way at most, and goes on in order as receipts come', async () => {
      await publishMany(0, 250);
      expect(sent()).toHaveLength(200);
      await confirm(...ids(0, 30));
      expect(sent()).toEqual(ids(0, 230));
      await confirm(...ids(30, 170));
      expect(sent()).toEqual(ids(0, 250));
    });

    it('publishes again what was confirmed while the store could not take it away', async () => {
      await publishMany(1, 1);
      const { removeOutbox } = store;
      store.removeOutbox = async () => {
        throw new BrambleError('BUSY', 'too much to write');
      };
      await confirm('e1');
      store.removeOutbox = removeOutbox;
      await clock.advance(receiptTimeoutMs);
      expect(sent()).toEqual(['e1', 'e1']);
      await confirm('e1');
      expect(await onDisk()).toEqual([]);
    });

    it('survives a receipt that makes no sense', async () => {
      await publishMany(1, 1);
      for (const payload of ['', 'x', '{"ids":"e1"}', '{}'])
        await bus.publish({ topic: 'bramble/pi-01/receipts', payload });
      expect(await onDisk()).toEqual(['e1']);
      await confirm('e1');
      expect(await onDisk()).toEqual([]);
    });

    it('tells the caller when an event could not be stored', async () => {
      await store.stop();
      await expect(outbox.publish(measured('e1'))).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(sent()).toEqual([]);
    });
  });

  describe('without receipts', () => {
    it('publishes an event again after the timeout, not before', async () => {
      await publishMany(1, 2);
      await clock.advance(receiptTimeoutMs - 1);
      expect(sent()).toEqual(['e1', 'e2']);
      await clock.advance(1_001);
      expect(sent()).toEqual(['e1', 'e2', 'e1', 'e2']);
      expect(await metric('bramble_outbox_republished_total')).toBe(2);
    });

    it('repeats only what is not confirmed', async () => {
      await publishMany(1, 3);
      await confirm('e2');
      await clock.advance(receiptTimeoutMs + 1_000);
      expect(sent()).toEqual(['e1', 'e2', 'e3', 'e1', 'e3']);
    });

    it('waits longer from repeat to repeat, up to two minutes, until a receipt comes', async () => {
      await publishMany(1, 1);
      const countIn = async (ms: number) => {
        const before = sent().length;
        await clock.advance(ms);
        return sent().length - before;
      };
      await clock.advance(receiptTimeoutMs + 1_000);
      expect(await countIn(15_000)).toBe(1);
      expect(await countIn(30_000)).toBe(1);
      await clock.advance(600_000);
      expect(await countIn(240_000)).toBe(2);
      await publishMany(2, 1);
      await confirm('e2');
      expect(await countIn(receiptTimeoutMs + 1_000)).toBeGreaterThanOrEqual(1);
    });

    it('goes on publishing new events at once', async () => {
      await publishMany(1, 2);
      await clock.advance(receiptTimeoutMs * 5);
      const before = sent().length;
      await publishMany(3, 1);
      expect(sent().slice(before)).toEqual(['e3']);
    });

    it('goes on, slowly, when more events are unconfirmed than may be under way', async () => {
      await publishMany(0, 450);
      await clock.advance(3 * (receiptTimeoutMs + 1_000));
      expect(new Set(sent()).size).toBe(450);
    });

    it('does not let an old state that was published late stand for the new one', async () => {
      await publishMany(1, 2);
      await confirm('e2');
      await clock.advance(receiptTimeoutMs + 1_000);
      expect(sent()).toEqual(['e1', 'e2', 'e1', 'e2']);
    });
  });

  describe('without a broker', () => {
    it('keeps events, also over a restart, and publishes them in order once it is back', async () => {
      await bus.setState('offline');
      await publishMany(0, 3);
      expect(sent()).toEqual([]);
      await outbox.stop();
      metrics = new Metrics();
      outbox = createOutbox();
      await outbox.start();
      await bus.setState('online');
      await clock.advance(0);
      expect(sent()).toEqual(['e0', 'e1', 'e2']);
    });

    it('publishes everything unconfirmed again after an outage, the oldest first and new events last', async () => {
      await publishMany(0, 3);
      await confirm('e1');
      await bus.setState('offline');
      await publishMany(3, 2);
      const before = sent().length;
      await bus.setState('online');
      await publishMany(5, 1);
      expect(sent().slice(before)).toEqual(['e0', 'e2', 'e3', 'e4', 'e5']);
    });

    it('catches up no faster than receipts come', async () => {
      await bus.setState('offline');
      await publishMany(0, 500);
      await bus.setState('online');
      await clock.advance(0);
      expect(sent()).toEqual(ids(0, 200));
      await confirm(...ids(0, 200));
      expect(sent()).toEqual(ids(0, 400));
    });

    it('starts from the oldest again when the connection breaks while catching up', async () => {
      await bus.setState('offline');
      await publishMany(0, 300);
      await bus.setState('online');
      await clock.advance(0);
      await bus.setState('offline');
      await bus.setState('online');
      await clock.advance(0);
      expect(sent()).toEqual([...ids(0, 200), ...ids(0, 200)]);
    });

    it('gives up the oldest events over its bound, and counts them', async () => {
      await bus.setState('offline');
      await publishMany(0, maxOutbox + 7);
      await clock.advance(5_000);
      expect((await onDisk())[0]).toBe('e7');
      expect(await metric('bramble_outbox_dropped_total')).toBe(7);
      expect(await metric('bramble_outbox_entries')).toBe(maxOutbox);
    });
  });

  it('publishes nothing more once it is stopped', async () => {
    await bus.setState('offline');
    await publishMany(0, 3);
    await outbox.stop();
    await bus.setState('online');
    await clock.advance(60_000);
    expect(sent()).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('shows the newest state again with a new connection, marked as no event', async () => {
    await publishMany(1, 2);
    await confirm('e1', 'e2');
    await bus.setState('offline');
    await bus.setState('online');
    await clock.advance(0);
    expect(sent()).toEqual(['e1', 'e2', 'e2']);
    const restored = bus.published.at(-1);
    expect(restored).toMatchObject({ topic: 'bramble/pi-01/temperature/soc', retain: true });
    expect(JSON.parse(Buffer.from(restored?.payload ?? []).toString())).toMatchObject({
      id: 'e2',
      celsius: 21,
      restored: true,
    });
  });

  it('publishes a message that is no state without ever restoring it', async () => {
    const entry = buildOutboxEntry({ retain: false, properties: { id: 'r1' } });
    await store.putOutbox(entry);
    outbox.offer(entry);
    await confirm(entry.id);
    await clock.advance(receiptTimeoutMs * 3);
    expect(sent()).toEqual(['r1']);
  });
});

function measured(id: string): BrambleEvent {
  return {
    type: 'temperature.measured',
    id,
    node: 'pi-01',
    sensor: 'soc',
    sequence: 1,
    time: '2026-01-01T00:00:00.000Z',
    celsius: 21,
  };
}

function ids(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `e${from + i}`);
}
