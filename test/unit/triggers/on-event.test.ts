import { afterEach, describe, expect, test } from 'vitest';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import type { Incoming, Outgoing } from '../../../src/bus/bus.ts';
import { filters, topics } from '../../../src/events/topics.ts';
import type { CatalogueEntry } from '../../../src/functions/catalogue.ts';
import type { Acceptance } from '../../../src/store/store.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { BrambleError } from '../../../src/support/errors.ts';
import { silentLog } from '../../../src/support/log.ts';
import { Metrics } from '../../../src/support/metrics.ts';
import type { Acceptor } from '../../../src/triggers/acceptor.ts';
import { createMeasures } from '../../../src/triggers/measures.ts';
import { EventTrigger } from '../../../src/triggers/on-event.ts';
import type { UntilHandled } from '../../../src/triggers/until-handled.ts';
import { buildEntry, FakeCatalogue, newTestId } from '../../support/triggers.ts';
import { until } from '../../support/wait.ts';

type Accept = Acceptor['accept'];
const atOnce = { wait: async () => {} };
const stored: Acceptance = { outcome: 'stored', deliveryIds: [1], dropped: [0] };
const started: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const service of started.splice(0).reverse()) await service.stop();
});

async function startTrigger(
  entries: CatalogueEntry[],
  accept: Accept = async () => stored,
  untilHandled: Pick<UntilHandled, 'wait'> = atOnce,
) {
  const [bus, clock, catalogue] = [new MemoryBus(), new ManualClock(), new FakeCatalogue(...entries)];
  const accepted: { id: string; topic: string; functions: string[] }[] = [];
  const trigger = new EventTrigger({
    bus,
    catalogue,
    clock,
    acceptor: {
      async accept(event, wanting) {
        accepted.push({ id: event.id, topic: event.topic, functions: wanting.map(({ name }) => name) });
        return accept(event, wanting);
      },
    },
    untilHandled,
    newId: newTestId,
    log: silentLog,
    measures: createMeasures(new Metrics()),
  });
  await bus.start();
  await trigger.start();
  started.push(bus, trigger);
  const receipts = () =>
    bus.published
      .filter(({ topic }) => topic === topics.receipts('pi-01'))
      .flatMap(({ payload }) => JSON.parse(String(payload)).ids);
  return { bus, clock, catalogue, trigger, accepted, receipts };
}

const motionTopic = topics.event('pi-01', 'motion', 'pir');

function motion(fields: Partial<Outgoing> & { id?: string; hops?: string } = {}): Outgoing {
  const { id = 'event-a', hops, ...rest } = fields;
  const properties = { id, ...(hops === undefined ? {} : { hops }) };
  return { topic: motionTopic, payload: '{"motion":true}', properties, ...rest };
}

const guardEntry = buildEntry('guard', { topics: ['bramble/+/motion/#'] });

describe('a message', () => {
  test('goes to the functions that want its topic', async () => {
    const { bus, accepted } = await startTrigger([guardEntry, buildEntry('other', { topics: ['zigbee/#'] })]);

    await bus.publish(motion());
    await bus.publish({ topic: 'zigbee/lamp', payload: 'on' });

    expect(accepted).toMatchObject([
      { id: 'event-a', topic: motionTopic, functions: ['guard'] },
      { topic: 'zigbee/lamp', functions: ['other'] },
    ]);
  });

  test('is acknowledged only when it is stored', async () => {
    let store = () => {};
    const accept = () =>
      new Promise<Acceptance>((resolve) => {
        store = () => resolve(stored);
      });
    const { bus, accepted, receipts, clock } = await startTrigger([guardEntry], accept);
    let isAcknowledged = false;

    const published = bus.publish(motion()).then(() => {
      isAcknowledged = true;
    });
    await until('it is offered to the store', () => accepted.length === 1);
    await clock.advance(60_000);
    expect(isAcknowledged).toBe(false);
    expect(receipts()).toEqual([]);
    store();

    await published;
    await clock.advance(5);
    expect(receipts()).toEqual(['event-a']);
  });

  test('waits while the disk is full', async () => {
    let isFull = true;
    const { bus, accepted, clock } = await startTrigger([guardEntry], async () => {
      if (isFull) throw new BrambleError('STORE_FULL', 'disk full');
      return stored;
    });
    const published = bus.publish(motion());
    await until('the first attempt', () => accepted.length === 1);
    await clock.advance(60_000);
    isFull = false;
    await clock.advance(10_000);

    await published;
    expect(accepted.length).toBeGreaterThan(2);
  });

  test('stays with the broker when the store is broken', async () => {
    const { bus } = await startTrigger([guardEntry], async () => {
      throw new BrambleError('STORE_BROKEN', 'disk gone');
    });
    await expect(bus.publish(motion())).rejects.toMatchObject({ code: 'STORE_BROKEN' });
  });

  test('stays with the broker while the agent is stopping', async () => {
    const { bus, trigger, accepted } = await startTrigger([guardEntry], async () => {
      throw new BrambleError('STORE_FULL', 'disk full');
    });
    const published = bus.publish(motion());
    await until('the first attempt', () => accepted.length === 1);

    await trigger.stop();

    await expect(published).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(bus.publish(motion())).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  test('that shows an old state again triggers nothing, but text that only looks like it does', async () => {
    const { bus, accepted } = await startTrigger([guardEntry]);

    await bus.publish(motion({ payload: '{"motion":true,"restored":true}' }));
    expect(accepted).toEqual([]);

    await bus.publish(motion({ payload: '{"motion":true,"by":{"restored":true}}' }));
    expect(accepted).toHaveLength(1);
  });

  test('that is retained is an old state and triggers nothing', async () => {
    let deliver: (message: Incoming) => void | Promise<void> = () => {};
    const { trigger } = await startTrigger([guardEntry]);
    await trigger.stop();
    const accepted: string[] = [];
    const own = new EventTrigger({
      bus: {
        publish: async () => {},
        subscribe: async (_filter, handler) => {
          deliver = handler;
          return async () => {};
        },
      },
      catalogue: new FakeCatalogue(guardEntry),
      clock: new ManualClock(),
      acceptor: {
        async accept(event) {
          accepted.push(event.id);
          return stored;
        },
      },
      untilHandled: atOnce,
      newId: newTestId,
      log: silentLog,
      measures: createMeasures(new Metrics()),
    });
    await own.start();
    const message = { topic: motionTopic, payload: Buffer.from('{}') };

    await deliver({ ...message, retain: true, properties: { id: 'old' } });
    await deliver({ ...message, retain: false, properties: { id: 'new' } });

    expect(accepted).toEqual(['new']);
    await own.stop();
  });

  test('that passed through too many functions goes no further, but is confirmed', async () => {
    const { bus, accepted, receipts, clock } = await startTrigger([guardEntry]);

    await bus.publish(motion({ id: 'event-8', hops: '8' }));
    await bus.publish(motion({ id: 'event-9', hops: '9' }));
    await clock.advance(5);

    expect(accepted.map(({ id }) => id)).toEqual(['event-8']);
    expect(receipts()).toEqual(['event-8', 'event-9']);
  });
});

describe('receipts', () => {
  test('confirm also what no function wants and what came before', async () => {
    const duplicate: Acceptance = { outcome: 'duplicate', deliveryIds: [], dropped: [] };
    const { bus, receipts, clock } = await startTrigger([guardEntry], async () => duplicate);

    await bus.publish(motion());
    await bus.publish({ ...motion({ id: 'event-b' }), topic: topics.event('pi-01', 'temperature', 'soc') });
    await clock.advance(5);

    expect(receipts()).toEqual(['event-a', 'event-b']);
  });

  test('of many events share a message', async () => {
    const { bus, clock } = await startTrigger([guardEntry]);

    for (let i = 0; i < 600; i += 1) await bus.publish(motion({ id: `event-${i}` }));
    await clock.advance(5);

    const sent = bus.published.filter(({ topic }) => topic === topics.receipts('pi-01'));
    expect(sent.map(({ payload }) => JSON.parse(String(payload)).ids.length)).toEqual([500, 100]);
  });

  test('are not given to strangers, and trigger nothing', async () => {
    const { bus, receipts, accepted, clock } = await startTrigger([buildEntry('all', { topics: ['#'] })]);

    await bus.publish({ topic: 'zigbee/lamp', payload: 'on' });
    await bus.publish(motion());
    await clock.advance(5);
    await clock.advance(5);

    expect(receipts()).toEqual(['event-a']);
    expect(accepted.map(({ topic }) => topic)).toEqual(['zigbee/lamp', motionTopic]);
  });

  test('may get lost while the bus is offline', async () => {
    const { bus, clock, receipts } = await startTrigger([guardEntry]);
    await bus.publish(motion());
    await bus.setState('offline');

    await clock.advance(5);

    expect(receipts()).toEqual([]);
  });
});

describe('subscriptions', () => {
  test('follow the catalogue, new ones before old ones go', async () => {
    const log: string[] = [];
    const catalogue = new FakeCatalogue(buildEntry('one', { topics: ['a/b'] }));
    const trigger = new EventTrigger({
      bus: {
        publish: async () => {},
        subscribe: async (filter, _handler, options) => {
          log.push(`+ ${filter} ${options?.group}`);
          return async () => {
            log.push(`- ${filter}`);
          };
        },
      },
      catalogue,
      clock: new ManualClock(),
      acceptor: { accept: async () => stored },
      untilHandled: atOnce,
      newId: newTestId,
      log: silentLog,
      measures: createMeasures(new Metrics()),
    });
    await trigger.start();
    catalogue.set(buildEntry('one', { topics: ['a/+'] }));
    await until('the change', () => log.length === 4);
    await trigger.stop();

    expect(log).toEqual(['+ a/b bramble', `+ ${filters.everyEvent} bramble`, '+ a/+ bramble', '- a/b']);
  });

  test('that the broker refuses cost nobody else his', async () => {
    const subscribed: string[] = [];
    const catalogue = new FakeCatalogue();
    const trigger = new EventTrigger({
      bus: {
        publish: async () => {},
        subscribe: async (filter) => {
          if (filter === 'a/secret') throw new BrambleError('BUS_REFUSED', 'not allowed');
          subscribed.push(filter);
          return async () => {};
        },
      },
      untilHandled: atOnce,
      catalogue,
      clock: new ManualClock(),
      acceptor: { accept: async () => stored },
      newId: newTestId,
      log: silentLog,
      measures: createMeasures(new Metrics()),
    });
    await trigger.start();
    catalogue.set(
      buildEntry('spy', { topics: ['a/secret'] }),
      buildEntry('lamp', { topics: ['zigbee/lamp'] }),
    );
    await until('the other subscription', () => subscribed.includes('zigbee/lamp'));
    await trigger.stop();
  });

  test('let a function that was just deployed see the next event', async () => {
    const { bus, catalogue, accepted } = await startTrigger([]);
    await bus.publish({ topic: 'zigbee/lamp', payload: 'on' });
    catalogue.set(buildEntry('lamp', { topics: ['zigbee/#'] }));

    await until('an event is accepted', async () => {
      await bus.publish({ topic: 'zigbee/lamp', payload: 'on' });
      return accepted.length > 0;
    });

    expect(accepted[0]).toMatchObject({ topic: 'zigbee/lamp', functions: ['lamp'] });
  });
});

describe('what agents tell each other', () => {
  test.each([
    topics.receipts('pi-01'),
    topics.demand('pi-01'),
    topics.freezer('pi-01'),
    topics.setFreezer('pi-01'),
    topics.catalogueIndex,
    topics.catalogue('guard'),
    topics.wake('guard'),
  ])('triggers nothing: %s', async (topic) => {
    const { bus, accepted } = await startTrigger([buildEntry('nosy', { topics: ['bramble/#'] })]);
    await bus.publish({ topic, payload: '{}' });
    expect(accepted).toEqual([]);
  });
});

test('a sender has its receipt when its event is on disk, also while the broker keeps it until it is handled', async () => {
  let finish = () => {};
  const handled = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const { bus, clock, receipts } = await startTrigger([guardEntry], async () => stored, {
    wait: () => handled,
  });
  let isAcknowledged = false;
  const publishing = bus.publish(motion()).then(() => {
    isAcknowledged = true;
  });
  await until('the receipt', async () => {
    await clock.advance(10);
    return receipts().length === 1;
  });
  expect(isAcknowledged).toBe(false);
  finish();
  await publishing;
});
