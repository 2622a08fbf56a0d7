import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CatalogueEntry } from '../../../../src/functions/catalogue.ts';
import { MemoryStore } from '../../../../src/store/store.memory.ts';
import type { Delivery } from '../../../../src/store/store.ts';
import { ManualClock } from '../../../../src/support/clock.manual.ts';
import { BrambleError } from '../../../../src/support/errors.ts';
import { buildEvent } from '../../../support/store-values.ts';
import {
  answer,
  buildEntry,
  FakeFunctions,
  heldFunction,
  notAborted,
  openMemoryStore,
  type Rig,
  startRig,
} from '../../../support/triggers.ts';
import { until } from '../../../support/wait.ts';

class WatchedStore extends MemoryStore {
  longestPage = 0;

  override async waiting(...args: Parameters<MemoryStore['waiting']>): Promise<readonly Delivery[]> {
    const page = await super.waiting(...args);
    this.longestPage = Math.max(this.longestPage, page.length);
    return page;
  }
}

async function send(rig: Rig, entry: CatalogueEntry, ...eventIds: string[]): Promise<void> {
  for (const id of eventIds) await rig.acceptor.accept(buildEvent({ id }), [entry]);
}

async function isEmpty(rig: Rig, functionName: string): Promise<boolean> {
  return (await rig.waiting(functionName)) === 0;
}

describe('a queue', () => {
  test('gives an event to its function and publishes the answer', async () => {
    const light = buildEntry('light');
    const rig = await startRig([light]);
    rig.functions.define('light', () => answer(200, '{"on":true}', { 'content-type': 'application/json' }));

    await send(rig, light, 'event-a');

    await until('a result', async () => (await rig.results()).length);
    const [result] = await rig.results();
    expect(result).toMatchObject({
      type: 'function.finished',
      function: 'light',
      eventId: 'event-a',
      status: 200,
      attempts: 1,
      hops: 1,
      ok: true,
      result: { on: true },
    });
    expect(await rig.waiting('light')).toBe(0);
  });

  test('cuts a long answer in its result', async () => {
    const light = buildEntry('light');
    const rig = await startRig([light]);
    rig.functions.define('light', () => answer(200, 'x'.repeat(70_000)));

    await send(rig, light, 'event-a');

    await until('a result', async () => (await rig.results()).length);
    const [result] = await rig.results();
    expect(String(result?.result).length).toBe(65_536);
  });

  test('handles no more at once than the function allows', async () => {
    const light = buildEntry('light', { delivery: { concurrency: 3 } });
    const rig = await startRig([light]);
    const held = heldFunction();
    rig.functions.define('light', held.run);

    await send(rig, light, '1', '2', '3', '4', '5');
    await until('three calls', () => rig.functions.calls.length === 3);
    held.release();

    await until('all are handled', () => isEmpty(rig, 'light'));
    expect(rig.functions.eventsOf('light')).toEqual(['1', '2', '3', '4', '5']);
  });

  test('works off more than it holds in memory', async () => {
    const light = buildEntry('light', { delivery: { concurrency: 8 } });
    const store = await openMemoryStore();
    const functions = new FakeFunctions();
    functions.define('light', () => answer(200));
    const before = await startRig([], { store, functions });
    const ids = Array.from({ length: 1_000 }, (_, i) => `event-${i}`);
    await Promise.all(ids.map((id) => before.acceptor.accept(buildEvent({ id }), [light])));
    await before.dispatcher.stop();

    const rig = await startRig([light], { store, functions });

    await until('all are handled', () => isEmpty(rig, 'light'));
    expect(functions.eventsOf('light')).toEqual(ids);
  });

  test('works off large events in order, with few of them in memory', async () => {
    const light = buildEntry('light');
    const store = new WatchedStore();
    await store.start(notAborted);
    const data = Buffer.alloc(1024 * 1024);
    const ids = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];
    const nobody = await startRig([], { store });
    for (const id of ids) await nobody.acceptor.accept(buildEvent({ id, data }), [light]);
    await nobody.dispatcher.stop();
    const functions = new FakeFunctions();
    functions.define('light', () => answer(200));

    await startRig([light], { store, functions });

    await until('all are handled', async () => (await store.depths()).length === 0);
    expect(functions.eventsOf('light')).toEqual(ids);
    expect(store.longestPage).toBe(4);
  });

  test('of a hanging function delays no other', async () => {
    const [hanging, light] = [buildEntry('hanging'), buildEntry('light')];
    const rig = await startRig([hanging, light]);
    rig.functions.define('hanging', () => new Promise(() => {}));
    rig.functions.define('light', () => answer(200));

    for (let i = 0; i < 5; i += 1) await rig.acceptor.accept(buildEvent(), [hanging, light]);

    await until('the other has handled all', () => isEmpty(rig, 'light'));
    expect(await rig.waiting('hanging')).toBe(5);
  });

  test('gives up an attempt that outlasts its limit, and tries again', async () => {
    const light = buildEntry('light', { execTimeoutMs: 1_000 });
    const rig = await startRig([light]);
    rig.functions.define('light', () => new Promise(() => {}));
    await send(rig, light, 'event-a');
    await until('the first call', () => rig.functions.calls.length === 1);

    await rig.clock.advance(6_000);
    rig.functions.define('light', () => answer(200));
    await until(
      'the retry is stored',
      async () => (await rig.store.waiting('light', { afterId: 0, limit: 1 }))[0]?.attempts,
    );
    await rig.clock.advance(60_000);

    await until('it is handled', () => isEmpty(rig, 'light'));
    expect(rig.functions.eventsOf('light')).toEqual(['event-a', 'event-a']);
  });
});

describe('retries', () => {
  test('let others pass while they wait', async () => {
    const light = buildEntry('light');
    const rig = await startRig([light]);
    rig.functions.define('light', ({ headers }) => answer(headers['ce-id'] === 'bad' ? 503 : 200));

    await send(rig, light, 'bad', 'good-1', 'good-2');

    await until('the good ones are handled', async () => (await rig.waiting('light')) === 1);
    expect(rig.functions.eventsOf('light')).toEqual(['bad', 'good-1', 'good-2']);
  });

  test('come not before Retry-After', async () => {
    const light = buildEntry('light');
    const rig = await startRig([light]);
    rig.functions.define('light', () => answer(429, '', { 'retry-after': '30' }));
    await send(rig, light, 'event-a');
    await until(
      'the retry is stored',
      async () => (await rig.store.waiting('light', { afterId: 0, limit: 1 }))[0]?.attempts,
    );

    await rig.clock.advance(29_999);
    expect(rig.functions.calls.length).toBe(1);
    await rig.clock.advance(1);

    await until('the second call', () => rig.functions.calls.length === 2);
  });

  test('end in the dead letters when the attempts are used up, and those behind proceed', async () => {
    const light = buildEntry('light', { delivery: { attempts: 3 } });
    const rig = await startRig([light]);
    rig.functions.define('light', ({ headers }) => answer(headers['ce-id'] === 'poison' ? 500 : 200));

    await send(rig, light, 'poison', 'next');
    await until('both were tried', async () => {
      await rig.clock.advance(10_000);
      return isEmpty(rig, 'light');
    });

    expect(rig.functions.eventsOf('light')).toEqual(['poison', 'next', 'poison', 'poison']);
    const [letter] = await rig.store.deadLetters({ limit: 10 });
    expect(letter).toMatchObject({ attempts: 3, status: 500, reason: 'status 500 after 3 attempts' });
    expect(await rig.results()).toMatchObject([
      { type: 'function.finished', eventId: 'next' },
      { type: 'function.failed', eventId: 'poison', attempts: 3, status: 500, hops: 1, ok: false },
    ]);
  });

  test('survive a restart: neither the count nor the waiting time begins anew', async () => {
    const light = buildEntry('light', { delivery: { attempts: 2, minWaitMs: 10_000 } });
    const [store, clock, functions] = [await openMemoryStore(), new ManualClock(), new FakeFunctions()];
    functions.define('light', () => answer(500));
    const before = await startRig([light], { store, clock, functions });
    await send(before, light, 'event-a');
    await until(
      'the retry is stored',
      async () => (await store.waiting('light', { afterId: 0, limit: 1 }))[0]?.attempts,
    );
    await before.dispatcher.stop();

    const after = await startRig([light], { store, clock, functions });
    await clock.advance(4_999);
    expect(functions.calls.length).toBe(1);
    await until('it is given up', async () => {
      await clock.advance(1_000);
      return isEmpty(after, 'light');
    });

    expect(functions.calls.length).toBe(2);
    expect(await store.deadLetters({ limit: 10 })).toMatchObject([{ attempts: 2 }]);
  });

  test('an attempt that the end of the agent interrupts counts as not made', async () => {
    const light = buildEntry('light');
    const [store, clock, functions] = [await openMemoryStore(), new ManualClock(), new FakeFunctions()];
    functions.define(
      'light',
      (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new BrambleError('CANCELLED', 'told to stop')));
        }),
    );
    const before = await startRig([light], { store, clock, functions });
    await send(before, light, 'event-a');
    await until('it runs', () => functions.calls.length === 1);
    const stopped = before.dispatcher.stop();
    await clock.advance(1_500);
    await stopped;
    expect(await store.waiting('light', { afterId: 0, limit: 1 })).toMatchObject([{ attempts: 0 }]);

    functions.define('light', () => answer(200));
    const after = await startRig([light], { store, clock, functions });

    await until('it is handled', () => isEmpty(after, 'light'));
    expect(await after.results()).toMatchObject([{ type: 'function.finished', attempts: 1 }]);
  });
});

describe('a function that cannot be reached', () => {
  const unready = () => {
    throw new BrambleError('FUNCTION_UNREADY', 'no replica');
  };

  test('costs its events no attempts', async () => {
    const light = buildEntry('light', { delivery: { attempts: 1 } });
    const rig = await startRig([light]);
    rig.functions.define('light', unready);
    await send(rig, light, 'event-a');
    for (let i = 0; i < 5; i += 1) await rig.clock.advance(60_000);
    expect(rig.functions.calls.length).toBeGreaterThan(2);

    rig.functions.define('light', () => answer(200));
    await rig.clock.advance(60_000);

    await until('it is handled', () => isEmpty(rig, 'light'));
    expect(await rig.results()).toMatchObject([{ type: 'function.finished', attempts: 1 }]);
  });

  test('is tried at once when the catalogue changes', async () => {
    const light = buildEntry('light');
    const rig = await startRig([light]);
    rig.functions.define('light', unready);
    await send(rig, light, 'event-a');
    await until('the first call', () => rig.functions.calls.length === 1);

    rig.functions.define('light', () => answer(200));
    await until('it is handled without waiting', async () => {
      rig.catalogue.set(light);
      return isEmpty(rig, 'light');
    });
  });

  test('loses its events to the dead letters when their time ends', async () => {
    const light = buildEntry('light', { delivery: { ttlMs: 100_000 } });
    const rig = await startRig([light]);
    rig.functions.define('light', unready);
    await send(rig, light, 'event-a');

    await until('it expires', async () => {
      await rig.clock.advance(30_000);
      return isEmpty(rig, 'light');
    });

    expect(await rig.store.deadLetters({ limit: 1 })).toMatchObject([
      { reason: expect.stringContaining('expired') },
    ]);
  });
});

describe('a removed function', () => {
  test('leaves its queue to the dead letters', async () => {
    const light = buildEntry('light');
    const rig = await startRig([light]);
    const held = heldFunction();
    rig.functions.define('light', held.run);
    await send(rig, light, 'running', 'waiting-1', 'waiting-2');
    await until('it runs', () => rig.functions.calls.length === 1);

    rig.catalogue.set();
    held.release();
    await until('the running one ends', async () => (await rig.waiting('light')) === 2);
    await rig.clock.advance(10_000);

    await until('the queue is gone', () => isEmpty(rig, 'light'));
    const letters = await rig.store.deadLetters({ limit: 10 });
    expect(letters.map(({ event, reason }) => [event.id, reason])).toEqual([
      ['waiting-2', 'function removed'],
      ['waiting-1', 'function removed'],
    ]);
  });

  test('that comes back at once keeps its queue', async () => {
    const light = buildEntry('light');
    const rig = await startRig([light]);
    rig.functions.define('light', () => {
      throw new BrambleError('FUNCTION_UNREADY', 'no replica');
    });
    await send(rig, light, 'event-a');
    await until('the first call', () => rig.functions.calls.length === 1);
    rig.functions.define('light', () => answer(200));

    rig.catalogue.set();
    await rig.clock.advance(5_000);
    expect(await rig.waiting('light')).toBe(1);
    rig.catalogue.set(light);

    await until('it is handled', () => isEmpty(rig, 'light'));
    expect(await rig.store.deadLetters({ limit: 1 })).toEqual([]);
  });

  test('that comes back while its last attempt ends keeps its queue, and runs nothing twice', async () => {
    const light = buildEntry('light');
    const rig = await startRig([light]);
    const held = heldFunction();
    rig.functions.define('light', held.run);
    await send(rig, light, 'running', 'waiting-1', 'waiting-2');
    await until('it runs', () => rig.functions.calls.length === 1);

    rig.catalogue.set();
    await rig.clock.advance(10_000);
    rig.catalogue.set(light);
    await rig.clock.advance(0);
    held.release();

    await until('the queue is worked off', () => isEmpty(rig, 'light'));
    expect(rig.functions.eventsOf('light')).toEqual(['running', 'waiting-1', 'waiting-2']);
    expect(await rig.store.deadLetters({ limit: 10 })).toEqual([]);
  });

  test('leaves to the dead letters also what was being stored when it went', async () => {
    const light = buildEntry('light');
    const rig = await startRig([light]);
    rig.functions.define('light', () => answer(200));
    await send(rig, light, 'before');
    await until('it is handled', () => isEmpty(rig, 'light'));
    rig.catalogue.set();
    await rig.clock.advance(10_000);

    await send(rig, light, 'late');
    await rig.clock.advance(3_600_000);

    await until('the queue is gone', () => isEmpty(rig, 'light'));
    expect(await rig.store.deadLetters({ limit: 10 })).toMatchObject([{ event: { id: 'late' } }]);
  });
});

describe('order by key', () => {
  test('holds under concurrency and failures', async () => {
    const light = buildEntry('light', { delivery: { concurrency: 8, orderKey: '/room', attempts: 100 } });
    const rig = await startRig([light]);
    const failures = new Map<string, number>();
    const [done, running] = [new Map<string, number[]>(), new Set<string>()];
    rig.functions.define('light', async ({ body }) => {
      const { room, n } = JSON.parse(Buffer.from(body as Uint8Array).toString());
      if (running.has(room)) throw new Error(`two of room ${room} at once`);
      running.add(room);
      await new Promise((resolve) => setImmediate(resolve));
      running.delete(room);
      const failed = failures.get(`${room}${n}`) ?? 0;
      failures.set(`${room}${n}`, failed + 1);
      if (failed < n % 3) return answer(503);
      done.set(room, [...(done.get(room) ?? []), n]);
      return answer(200);
    });

    for (let n = 0; n < 20; n += 1) {
      for (const room of ['a', 'b', 'c', 'd', 'e']) {
        await rig.acceptor.accept(buildEvent({ data: Buffer.from(JSON.stringify({ room, n })) }), [light]);
      }
    }
    await until('all are handled', async () => {
      await rig.clock.advance(60_000);
      return isEmpty(rig, 'light');
    });

    const inOrder = Array.from({ length: 20 }, (_, n) => n);
    for (const room of ['a', 'b', 'c', 'd', 'e']) expect(done.get(room)).toEqual(inOrder);
  });

  test('makes a waiting retry hold up its own key only', async () => {
    const light = buildEntry('light', { delivery: { concurrency: 4, orderKey: 'topic' } });
    const rig = await startRig([light]);
    rig.functions.define('light', ({ headers }) => answer(headers['ce-id'] === 'a1' ? 503 : 200));

    for (const id of ['a1', 'a2', 'b1', 'b2']) {
      await rig.acceptor.accept(buildEvent({ id, topic: `room/${id[0]}` }), [light]);
    }

    await until('b is handled', async () => (await rig.waiting('light')) === 2);
    expect(rig.functions.eventsOf('light').sort()).toEqual(['a1', 'b1', 'b2']);
  });
});

describe('a full queue', () => {
  test('rejects the newest event into the dead letters', async () => {
    const light = buildEntry('light', { delivery: { queueLimit: 2 } });
    const rig = await startRig([light]);
    rig.functions.define('light', heldFunction().run);

    await send(rig, light, '1', '2', '3');

    expect(await rig.waiting('light')).toBe(2);
    const letters = await rig.store.deadLetters({ limit: 10 });
    expect(letters.map(({ event, reason }) => [event.id, reason])).toEqual([['3', 'queue full']]);
  });

  test('or drops the oldest one', async () => {
    const light = buildEntry('light', { delivery: { queueLimit: 2, queueWhenFull: 'drop-oldest' } });
    const rig = await startRig([light]);
    const held = heldFunction();
    rig.functions.define('light', held.run);

    await send(rig, light, '1');
    await until('the first runs', () => rig.functions.calls.length === 1);
    await send(rig, light, '2', '3', '4');
    held.release();

    await until('the rest is handled', () => isEmpty(rig, 'light'));
    // The first was running when it was dropped, and came to a good end.
    await until('the results', async () => (await rig.results()).length === 3);
    const letters = await rig.store.deadLetters({ limit: 10 });
    expect(letters.map(({ event }) => event.id)).toEqual(['2']);
    expect((await rig.measures.rejected.get()).values).toMatchObject([
      { labels: { function_name: 'light' }, value: 2 },
    ]);
  });
});

test('whatever functions answer, each event ends exactly once, as done or as a dead letter', async () => {
  const outcome = fc.oneof(
    fc.constantFrom(200, 204, 400, 404, 429, 500, 503),
    fc.constantFrom<'FUNCTION_FAILED' | 'FUNCTION_UNREADY' | 'BUSY' | 'BODY_TOO_LARGE'>(
      'FUNCTION_FAILED',
      'FUNCTION_UNREADY',
      'BUSY',
      'BODY_TOO_LARGE',
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(outcome, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 8 }),
      fc.constantFrom('none', 'topic', '/key'),
      async (scripts, concurrency, orderKey) => {
        const light = buildEntry('light', { delivery: { concurrency, orderKey, attempts: 3 } });
        const rig = await startRig([light]);
        const left = new Map(scripts.map((script, i) => [`event-${i}`, [...script]]));
        rig.functions.define('light', ({ headers }) => {
          const next = left.get(String(headers['ce-id']))?.shift() ?? 200;
          if (typeof next === 'number') return answer(next);
          throw new BrambleError(next, 'scripted');
        });
        for (const [i, id] of [...left.keys()].entries()) {
          const data = Buffer.from(JSON.stringify({ key: i % 3 }));
          await rig.acceptor.accept(buildEvent({ id, data }), [light]);
        }
        await until('all have ended', async () => {
          await rig.clock.advance(300_000);
          return isEmpty(rig, 'light');
        });
        const ended = (await rig.results()).map(({ eventId }) => String(eventId));
        expect(ended.sort()).toEqual([...left.keys()].sort());
        const dead = await rig.store.deadLetters({ limit: 100 });
        const failed = (await rig.results()).filter(({ type }) => type === 'function.failed');
        expect(dead.map(({ event }) => event.id).sort()).toEqual(failed.map(({ eventId }) => eventId).sort());
        await rig.dispatcher.stop();
      },
    ),
    { numRuns: 30 },
  );
});
