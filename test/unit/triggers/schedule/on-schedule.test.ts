import { afterEach, describe, expect, test } from 'vitest';
import type { CatalogueEntry } from '../../../../src/functions/catalogue.ts';
import type { Store } from '../../../../src/store/store.ts';
import { ManualClock } from '../../../../src/support/clock.manual.ts';
import { BrambleError } from '../../../../src/support/errors.ts';
import { silentLog } from '../../../../src/support/log.ts';
import { Metrics } from '../../../../src/support/metrics.ts';
import { Acceptor } from '../../../../src/triggers/acceptor.ts';
import { createMeasures } from '../../../../src/triggers/measures.ts';
import { ScheduleTrigger } from '../../../../src/triggers/schedule/on-schedule.ts';
import { ManualScheduler } from '../../../../src/triggers/schedule/scheduler.manual.ts';
import {
  buildEntry,
  type EntryFields,
  FakeCatalogue,
  newTestId,
  openMemoryStore,
} from '../../../support/triggers.ts';
import { until } from '../../../support/wait.ts';

const minuteMs = 60_000;
const hourMs = 3_600_000;
const noon = Date.UTC(2026, 5, 1, 12);
const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Fields {
  readonly clock?: ManualClock;
  readonly store?: Store;
  /** Called before each accept. */
  readonly beforeAccept?: () => void;
  /** Called before ticks are fired, with where they are kept. */
  readonly catchUp?: (store: Store) => Promise<void>;
}

async function startTrigger(entries: CatalogueEntry[], fields: Fields = {}) {
  const clock = fields.clock ?? new ManualClock(noon);
  const store = fields.store ?? (await openMemoryStore());
  const catalogue = new FakeCatalogue(...entries);
  const measures = createMeasures(new Metrics());
  const queues = { added() {}, waiting: () => 0 };
  const shared = { store, catalogue, clock, newId: newTestId, log: silentLog, measures };
  const acceptor = new Acceptor({ ...shared, queues, dedupeMs: 600_000 });
  const trigger = new ScheduleTrigger({
    ...shared,
    scheduler: new ManualScheduler(clock),
    catchUp: async () => fields.catchUp?.(store),
    acceptor: {
      async accept(...args) {
        fields.beforeAccept?.();
        return acceptor.accept(...args);
      },
    },
  });
  await trigger.start();
  await clock.advance(0);
  stops.push(() => trigger.stop());
  return {
    clock,
    store,
    catalogue,
    trigger,
    /** Ticks accepted so far, as `HH:MM`. */
    async ticks(functionName = 'report') {
      const waiting = await store.waiting(functionName, { afterId: 0, limit: 10_000 });
      return waiting.map(({ event }) => event.time.slice(11, 16));
    },
    async handleAll(functionName = 'report') {
      for (const { id } of await store.waiting(functionName, { afterId: 0, limit: 10_000 })) {
        await store.settle(id, { outcome: 'done' }, { nowMs: clock.nowMs() });
      }
    },
    async outcomes() {
      const { values } = await measures.ticks.get();
      return Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value]));
    },
  };
}

function buildReport(fields: EntryFields) {
  return buildEntry('report', fields);
}

const tenMinutes = { expression: '*/10 * * * *', overlap: 'queue' } as const;

test('a tick becomes an event of the function', async () => {
  const rig = await startTrigger([buildReport({ schedule: { expression: '*/10 * * * *' } })]);

  await rig.clock.advance(10 * minuteMs);

  const [delivery] = await rig.store.waiting('report', { afterId: 0, limit: 10 });
  expect(delivery?.event).toMatchObject({
    id: 'report@2026-06-01T12:10:00.000Z',
    type: 'schedule.ticked',
    topic: 'schedule/report',
    time: '2026-06-01T12:10:00.000Z',
    hops: 0,
  });
  expect(JSON.parse(Buffer.from(delivery?.event.data ?? '').toString())).toEqual({
    schedule: '*/10 * * * *',
    tick: '2026-06-01T12:10:00.000Z',
    timeZone: 'UTC',
  });
});

test('ticks that somebody else fired meanwhile are not fired again', async () => {
  const { expression } = tenMinutes;
  const told = { expression, timeZone: 'UTC', lastMs: noon + 10 * minuteMs, deliveryId: null };
  let isTold = false;
  const rig = await startTrigger([buildReport({ schedule: tenMinutes })], {
    catchUp: async (store) => {
      if (!isTold) await store.putDocument('schedule', 'report', told);
      isTold = true;
    },
  });

  await rig.clock.advance(40 * minuteMs);

  expect(await rig.ticks()).toEqual(['12:20', '12:30', '12:40']);
});

test('nothing more is fired by a trigger that is stopped while it learns of others', async () => {
  let goOn = () => {};
  const rig = await startTrigger([buildReport({ schedule: tenMinutes })], {
    catchUp: () => new Promise((resolve) => (goOn = resolve)),
  });
  await rig.clock.advance(10 * minuteMs);

  const stopped = rig.trigger.stop();
  goOn();
  await stopped;

  expect(await rig.ticks()).toEqual([]);
});

test('a tick waits while nobody can say what others fired', async () => {
  let isOffline = true;
  const rig = await startTrigger([buildReport({ schedule: tenMinutes })], {
    catchUp: async () => {
      if (isOffline) throw new BrambleError('BUS_OFFLINE', 'broke off');
    },
  });
  await rig.clock.advance(10 * minuteMs + 2_000);
  expect(await rig.ticks()).toEqual([]);

  isOffline = false;
  await rig.clock.advance(10_000);

  expect(await rig.ticks()).toEqual(['12:10']);
});

test('ticks go on, each once', async () => {
  const rig = await startTrigger([buildReport({ schedule: tenMinutes })]);

  await rig.clock.advance(35 * minuteMs);

  expect(await rig.ticks()).toEqual(['12:10', '12:20', '12:30']);
});

test('functions each have their own schedule', async () => {
  const rig = await startTrigger([
    buildReport({ schedule: tenMinutes }),
    buildEntry('backup', { schedule: { expression: '15 * * * *' } }),
  ]);

  await rig.clock.advance(20 * minuteMs);

  expect(await rig.ticks('report')).toEqual(['12:10', '12:20']);
  expect(await rig.ticks('backup')).toEqual(['12:15']);
});

test('a schedule that cannot be read stops no other', async () => {
  const rig = await startTrigger([
    buildEntry('broken', { schedule: { expression: 'now and then' } }),
    buildReport({ schedule: tenMinutes }),
  ]);

  await rig.clock.advance(10 * minuteMs);

  expect(await rig.ticks()).toEqual(['12:10']);
});

describe('a tick while the last one is unfinished', () => {
  test('is left out by the policy skip', async () => {
    const rig = await startTrigger([buildReport({ schedule: { ...tenMinutes, overlap: 'skip' } })]);

    await rig.clock.advance(25 * minuteMs);
    expect(await rig.ticks()).toEqual(['12:10']);
    await rig.handleAll();
    await rig.clock.advance(10 * minuteMs);

    expect(await rig.ticks()).toEqual(['12:30']);
    expect(await rig.outcomes()).toMatchObject({ fired: 2, overlapped: 1 });
  });

  test('is known as such after a restart', async () => {
    const report = buildReport({ schedule: { ...tenMinutes, overlap: 'skip' } });
    const before = await startTrigger([report]);
    await before.clock.advance(10 * minuteMs);
    await before.trigger.stop();

    const after = await startTrigger([report], before);
    await after.clock.advance(10 * minuteMs);

    expect(await after.ticks()).toEqual(['12:10']);
  });
});

describe('after a pause of three hours', () => {
  test.each([
    { missed: 'skip', ticks: [] },
    { missed: 'once', ticks: ['15:00'] },
    { missed: 'all', ticks: ['13:00', '14:00', '15:00'] },
  ] as const)('the policy $missed makes up for $ticks', async ({ missed, ticks }) => {
    const report = buildReport({ schedule: { expression: '0 * * * *', missed } });
    const before = await startTrigger([report]);
    await before.trigger.stop();
    await before.clock.advance(3 * hourMs + 30 * minuteMs);

    const after = await startTrigger([report], before);

    expect(await after.ticks()).toEqual(ticks);
    expect((await after.outcomes()).missed ?? 0).toBe(3 - ticks.length);
    await after.handleAll();
    await after.clock.advance(30 * minuteMs);
    expect(await after.ticks()).toEqual(['16:00']);
  });
});

test('a function that is new has missed nothing', async () => {
  const rig = await startTrigger([]);
  await rig.clock.advance(5 * hourMs);
  rig.catalogue.set(buildReport({ schedule: { expression: '0 * * * *', missed: 'all' } }));
  await rig.clock.advance(0);
  expect(await rig.ticks()).toEqual([]);
});

test('a schedule that is changed begins anew', async () => {
  const rig = await startTrigger([buildReport({ schedule: { expression: '0 0 * * *', missed: 'all' } })]);
  await rig.clock.advance(3 * hourMs + 5 * minuteMs);

  rig.catalogue.set(buildReport({ schedule: { ...tenMinutes, missed: 'all' } }));
  await rig.clock.advance(10 * minuteMs);

  expect(await rig.ticks()).toEqual(['15:10']);
});

test('a function that is removed ticks no more and is forgotten', async () => {
  const rig = await startTrigger([buildReport({ schedule: tenMinutes })]);
  await rig.clock.advance(10 * minuteMs);

  rig.catalogue.set();
  await rig.clock.advance(hourMs);

  expect(await rig.ticks()).toEqual(['12:10']);
  expect(await rig.store.documents('schedule')).toEqual([]);
});

test('a crash between accepting a tick and noting it does not fire it twice', async () => {
  const report = buildReport({ schedule: tenMinutes });
  const store = await openMemoryStore();
  let isCrashing = true;
  const crashing: Store = Object.create(store, {
    putDocument: {
      value: (kind: string, key: string, value: unknown) => {
        const isTick = Reflect.get(Object(value), 'deliveryId') !== null;
        if (isCrashing && isTick) throw new BrambleError('STORE_BROKEN', 'power cut');
        return store.putDocument(kind, key, value);
      },
    },
  });
  for (const name of ['accept', 'waiting', 'documents', 'removeDocument', 'settle'] as const) {
    Reflect.set(crashing, name, (...args: unknown[]) => Reflect.apply(store[name], store, args));
  }
  const before = await startTrigger([report], { store: crashing });
  await before.clock.advance(10 * minuteMs);
  expect(await before.ticks()).toEqual(['12:10']);
  await before.trigger.stop();
  isCrashing = false;

  const after = await startTrigger([report], before);
  await after.clock.advance(10 * minuteMs);

  expect(await after.ticks()).toEqual(['12:10', '12:20']);
});

test('a tick that finds the disk full is fired when there is room', async () => {
  let isFull = true;
  const rig = await startTrigger([buildReport({ schedule: tenMinutes })], {
    beforeAccept: () => {
      if (isFull) throw new BrambleError('STORE_FULL', 'disk full');
    },
  });
  await rig.clock.advance(10 * minuteMs + 20_000);
  isFull = false;

  await rig.clock.advance(10_000);

  expect(await rig.ticks()).toEqual(['12:10']);
});

describe('when the clock is set', () => {
  test('from 1970 to today, ticks before that day are not made up for', async () => {
    const report = buildReport({ schedule: { ...tenMinutes, missed: 'all' } });
    const rig = await startTrigger([report], { clock: new ManualClock(5_000) });
    await rig.clock.advance(20 * minuteMs);
    expect(await rig.ticks()).toEqual(['00:10', '00:20']);
    await rig.handleAll();

    rig.clock.jumpTo(noon);
    await rig.clock.advance(10 * minuteMs);

    expect(await rig.ticks()).toEqual(['12:10']);
  });

  test('from 1970 to today, ticks since the last run are missed ticks', async () => {
    const report = buildReport({ schedule: { expression: '0 * * * *', missed: 'all', overlap: 'queue' } });
    const before = await startTrigger([report]);
    await before.trigger.stop();

    const clock = new ManualClock(5_000);
    const after = await startTrigger([report], { store: before.store, clock });
    await clock.advance(2 * hourMs);
    expect(await after.ticks()).toEqual(['01:00', '02:00']);
    await after.handleAll();
    clock.jumpTo(noon + 2.5 * hourMs);
    await clock.advance(10_000);

    expect(await after.ticks()).toEqual(['13:00', '14:00']);
  });

  test('in 1970, ticks come again after each start', async () => {
    const report = buildReport({ schedule: tenMinutes });
    const before = await startTrigger([report], { clock: new ManualClock(5_000) });
    await before.clock.advance(10 * minuteMs);
    await before.trigger.stop();

    const after = await startTrigger([report], { store: before.store, clock: new ManualClock(5_000) });
    await after.clock.advance(10 * minuteMs);

    expect(await after.ticks()).toEqual(['00:10', '00:10']);
  });

  test('forward by hours, missed ticks follow the policy and the rest goes on', async () => {
    const rig = await startTrigger([buildReport({ schedule: { ...tenMinutes, missed: 'once' } })]);

    rig.clock.jumpTo(noon + 5 * hourMs + 5 * minuteMs);
    await rig.clock.advance(10 * minuteMs);

    expect(await rig.ticks()).toEqual(['17:00', '17:10']);
  });

  test('back by hours, ticks go on by the new time', async () => {
    const rig = await startTrigger([buildReport({ schedule: tenMinutes })]);
    await rig.clock.advance(20 * minuteMs);
    expect(await rig.ticks()).toEqual(['12:10', '12:20']);

    rig.clock.jumpTo(noon - 5 * hourMs);
    await rig.clock.advance(5 * hourMs + 30 * minuteMs);

    const again = (await rig.ticks()).slice(2);
    expect(again.length).toBe(33);
    expect([again[0], again.at(-1)]).toEqual(['07:10', '12:30']);
  });

  test('back by seconds, a tick is not repeated', async () => {
    const rig = await startTrigger([buildReport({ schedule: tenMinutes })]);
    await rig.clock.advance(10 * minuteMs + 1_000);

    rig.clock.jumpTo(noon + 10 * minuteMs - 30_000);
    await rig.clock.advance(11 * minuteMs);

    expect(await rig.ticks()).toEqual(['12:10', '12:20']);
  });

  test('to and fro in one day, ticks never come in thousands', async () => {
    const rig = await startTrigger([
      buildReport({ schedule: { expression: '* * * * * *', overlap: 'queue' } }),
    ]);
    for (const jumpMs of [40 * 365 * 24 * hourMs, -40 * 365 * 24 * hourMs, hourMs, -hourMs]) {
      rig.clock.jumpTo(rig.clock.nowMs() + jumpMs);
      await rig.clock.advance(10_000);
    }

    const count = (await rig.ticks()).length;
    expect(count).toBeGreaterThan(20);
    expect(count).toBeLessThan(300);
  });
});

test('stopping ends the alarm', async () => {
  const rig = await startTrigger([buildReport({ schedule: tenMinutes })]);
  await until('the alarm is set', () => rig.clock.pendingTimers > 0);
  await rig.trigger.stop();
  expect(rig.clock.pendingTimers).toBe(0);
});
