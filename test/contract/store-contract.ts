import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { buildDelivery, buildEvent, buildOutboxEntry } from '../support/store-values.ts';

const when = { nowMs: 1_000, dedupeMs: 500 };
const drop = { limit: 2, whenFull: 'drop-oldest' } as const;
const reject = { limit: 2, whenFull: 'reject' } as const;

/** What every Store promises. `open` gives a started, empty one and the function that ends it. */
export function storeContract(
  kind: string,
  open: () => Promise<{ store: Store; close: () => Promise<void> }>,
): void {
  describe(`store (${kind})`, () => {
    let store: Store;
    let close: () => Promise<void>;

    beforeEach(async () => {
      ({ store, close } = await open());
    });
    afterEach(() => close());

    const acceptOne = async (fields: Parameters<typeof buildDelivery>[0] = {}, event = buildEvent()) => {
      const { deliveryIds } = await store.accept(event, [buildDelivery(fields)], when);
      return Number(deliveryIds[0]);
    };
    const waiting = (name = 'light') => store.waiting(name, { afterId: 0, limit: 100 });
    const deadLetters = () => store.deadLetters({ limit: 100 });

    describe('accept', () => {
      it('gives every wanted function its delivery of the event, with all that was asked for', async () => {
        const event = buildEvent({ data: Buffer.from([0, 255, 10]) });
        const request = { method: 'PUT', path: '/x', query: 'a=1', headers: { 'x-y': 'z' } };
        const accepted = await store.accept(
          event,
          [
            buildDelivery({ function: 'light', orderKey: 'hall', callbackUrl: 'http://c/', request }),
            buildDelivery({ function: 'siren', expiresMs: 9_000 }),
          ],
          when,
        );
        const [light] = await waiting('light');
        const [siren] = await waiting('siren');
        expect(accepted).toEqual({ outcome: 'stored', deliveryIds: [light?.id, siren?.id], dropped: [0, 0] });
        expect(light).toEqual({
          id: light?.id,
          function: 'light',
          event: { ...event, data: new Uint8Array([0, 255, 10]) },
          attempts: 0,
          dueMs: 1_000,
          expiresMs: 1_000_000,
          orderKey: 'hall',
          callbackUrl: 'http://c/',
          request,
        });
        expect(siren).toMatchObject({
          expiresMs: 9_000,
          orderKey: null,
          callbackUrl: null,
          request: null,
          event: { id: event.id },
        });
      });

      it('takes only the bytes of the event from a buffer that holds more', async () => {
        const pool = Buffer.from('before{"a":1}after');
        await acceptOne({}, buildEvent({ data: pool.subarray(6, 13) }));
        const [delivery] = await waiting();
        expect(Buffer.from(delivery?.event.data ?? []).toString()).toBe('{"a":1}');
      });

      it('takes the bytes at the time of the call', async () => {
        const data = Buffer.from('aaa');
        const accepted = acceptOne({}, buildEvent({ data }));
        data.fill('b');
        await accepted;
        expect((await waiting())[0]?.event.data).toEqual(new Uint8Array(Buffer.from('aaa')));
      });

      it('writes nothing for an event id that was accepted within the window', async () => {
        const event = buildEvent();
        await acceptOne({}, event);
        const again = await store.accept(event, [buildDelivery({ function: 'siren' })], {
          ...when,
          nowMs: 1_499,
        });
        expect(again).toEqual({ outcome: 'duplicate', deliveryIds: [], dropped: [] });
        expect(await waiting('siren')).toEqual([]);
        expect(await waiting()).toHaveLength(1);
      });

      it('takes the same id from another source for another event', async () => {
        const event = buildEvent();
        await acceptOne({}, event);
        const other = await store.accept({ ...event, source: '/elsewhere' }, [buildDelivery()], when);
        expect(other.outcome).toBe('stored');
      });

      it('sees a duplicate among events accepted at the same moment', async () => {
        const event = buildEvent();
        const outcomes = await Promise.all([1, 2, 3].map(() => store.accept(event, [buildDelivery()], when)));
        expect(outcomes.map(({ outcome }) => outcome)).toEqual(['stored', 'duplicate', 'duplicate']);
      });

      it('takes an event id again after the window', async () => {
        const event = buildEvent();
        await acceptOne({}, event);
        const again = await store.accept(event, [buildDelivery()], { ...when, nowMs: 1_500 });
        expect(again.outcome).toBe('stored');
        const third = await store.accept(event, [buildDelivery()], { ...when, nowMs: 1_999 });
        expect(third.outcome).toBe('duplicate');
      });

      it('remembers the id of an event that no function wants', async () => {
        const event = buildEvent();
        expect(await store.accept(event, [], when)).toEqual({
          outcome: 'stored',
          deliveryIds: [],
          dropped: [],
        });
        expect((await store.accept(event, [], when)).outcome).toBe('duplicate');
      });
    });

    describe('a full queue', () => {
      it('turns the delivery that is one too many into a dead letter where it says reject', async () => {
        await acceptOne({ queue: reject });
        await acceptOne({ queue: reject });
        const event = buildEvent();
        const third = await store.accept(
          event,
          [buildDelivery({ queue: reject }), buildDelivery({ function: 'siren' })],
          when,
        );
        expect(third).toEqual({
          outcome: 'stored',
          deliveryIds: [null, expect.any(Number)],
          dropped: [0, 0],
        });
        expect(await waiting()).toHaveLength(2);
        expect(await deadLetters()).toMatchObject([
          {
            function: 'light',
            reason: 'queue full',
            attempts: 0,
            status: null,
            diedMs: 1_000,
            event: { id: event.id },
          },
        ]);
      });

      it('turns the oldest delivery into a dead letter where it says drop-oldest', async () => {
        const oldest = buildEvent();
        await acceptOne({ queue: drop }, oldest);
        const kept = [await acceptOne({ queue: drop }), await acceptOne({ queue: drop })];
        expect((await waiting()).map(({ id }) => id)).toEqual(kept);
        expect(await deadLetters()).toMatchObject([{ reason: 'queue full', event: { id: oldest.id } }]);
      });

      it('has room again once a delivery is settled', async () => {
        const id = await acceptOne({ queue: reject });
        await acceptOne({ queue: reject });
        await store.settle(id, { outcome: 'done' }, when);
        await acceptOne({ queue: reject });
        expect(await waiting()).toHaveLength(2);
        expect(await deadLetters()).toEqual([]);
      });

      it('comes down to a limit that was lowered', async () => {
        for (let i = 0; i < 5; i += 1) await acceptOne();
        expect(await store.accept(buildEvent(), [buildDelivery({ queue: drop })], when)).toMatchObject({
          dropped: [4],
        });
        expect(await waiting()).toHaveLength(2);
        expect(await deadLetters()).toHaveLength(4);
      });

      it('counts each function for itself', async () => {
        for (const name of ['a', 'b', 'a', 'b']) await acceptOne({ function: name, queue: reject });
        expect(await deadLetters()).toEqual([]);
      });

      it('says in the dead letter how the last attempt of a dropped delivery ended', async () => {
        const id = await acceptOne({ queue: drop });
        await store.settle(id, { outcome: 'retry', dueMs: 2_000, status: 503, reason: 'HTTP 503' }, when);
        await acceptOne({ queue: drop });
        await acceptOne({ queue: drop });
        expect(await deadLetters()).toMatchObject([
          { attempts: 1, status: 503, reason: 'queue full; last attempt: HTTP 503' },
        ]);
      });

      it('keeps no dead letter of a delivery that was under way when it was dropped and then succeeded', async () => {
        const id = await acceptOne({ queue: drop });
        await acceptOne({ queue: drop });
        await acceptOne({ queue: drop });
        await store.settle(id, { outcome: 'done' }, { ...when, publish: buildOutboxEntry() });
        expect(await deadLetters()).toEqual([]);
        expect(await store.countOutbox()).toBe(1);
      });
    });

    describe('settle', () => {
      it('removes a delivery that is done', async () => {
        const id = await acceptOne();
        await store.settle(id, { outcome: 'done' }, when);
        expect(await waiting()).toEqual([]);
        expect(await deadLetters()).toEqual([]);
      });

      it('counts the attempt and postpones a delivery that is to be tried again', async () => {
        const id = await acceptOne();
        await store.settle(id, { outcome: 'retry', dueMs: 7_000, status: 503, reason: 'x' }, when);
        expect(await waiting()).toMatchObject([{ id, attempts: 1, dueMs: 7_000 }]);
      });

      it('makes a dead letter of a delivery that is given up', async () => {
        const event = buildEvent();
        const id = await acceptOne({}, event);
        await store.settle(id, { outcome: 'retry', dueMs: 2_000, status: 503, reason: 'x' }, when);
        await store.settle(id, { outcome: 'dead', status: 400, reason: 'HTTP 400' }, { nowMs: 3_000 });
        expect(await waiting()).toEqual([]);
        const { data, ...attributes } = event;
        expect(await deadLetters()).toEqual([
          {
            id: expect.any(Number),
            function: 'light',
            event: { ...attributes, dataBytes: data.length },
            attempts: 2,
            status: 400,
            reason: 'HTTP 400',
            diedMs: 3_000,
          },
        ]);
      });

      it('does not count an attempt for a delivery that ended untried', async () => {
        const ending = { outcome: 'dead', status: null, reason: 'expired', isUntried: true } as const;
        await store.settle(await acceptOne(), ending, when);
        expect(await deadLetters()).toMatchObject([{ attempts: 0, status: null, reason: 'expired' }]);
      });

      it('stores what is to be published about it', async () => {
        const publish = buildOutboxEntry();
        await store.settle(await acceptOne(), { outcome: 'done' }, { ...when, publish });
        expect((await store.outbox({ limit: 10 })).map(({ id }) => id)).toEqual([publish.id]);
      });

      it('does nothing, and publishes nothing, for an unknown id', async () => {
        const id = await acceptOne();
        await store.settle(id, { outcome: 'done' }, when);
        const publish = buildOutboxEntry();
        await store.settle(id, { outcome: 'done' }, { ...when, publish });
        await store.settle(
          id,
          { outcome: 'retry', dueMs: 1, status: 500, reason: 'x' },
          { ...when, publish },
        );
        await store.settle(id, { outcome: 'dead', status: 500, reason: 'x' }, { ...when, publish });
        expect(await store.countOutbox()).toBe(0);
        expect(await store.depths()).toEqual([]);
      });

      it('never gives an id a second time', async () => {
        const first = await acceptOne();
        await store.settle(first, { outcome: 'done' }, when);
        expect(await acceptOne()).toBeGreaterThan(first);
      });
    });

    describe('waiting', () => {
      it('ends a page with the delivery by which its data reach the bytes asked for', async () => {
        for (let i = 0; i < 4; i += 1) await acceptOne({}, buildEvent({ data: Buffer.alloc(100) }));
        const page = (maxBytes: number) => store.waiting('light', { afterId: 0, limit: 3, maxBytes });
        expect(await page(1)).toHaveLength(1);
        expect(await page(100)).toHaveLength(1);
        expect(await page(101)).toHaveLength(2);
        expect(await page(1_000)).toHaveLength(3);
      });

      it('reads on behind an id, in order of acceptance', async () => {
        const ids = [];
        for (let i = 0; i < 5; i += 1) ids.push(await acceptOne());
        await acceptOne({ function: 'siren' });
        const page = await store.waiting('light', { afterId: Number(ids[1]), limit: 2 });
        expect(page.map(({ id }) => id)).toEqual(ids.slice(2, 4));
      });

      it('sees what was asked for before it', async () => {
        const accepted = acceptOne();
        const found = waiting();
        expect((await found).map(({ id }) => id)).toEqual([await accepted]);
      });
    });

    it('tells how many deliveries of each function wait and died', async () => {
      const id = await acceptOne({ function: 'a' });
      await acceptOne({ function: 'a' });
      await acceptOne({ function: 'b' });
      await store.settle(id, { outcome: 'dead', status: null, reason: 'x' }, when);
      await store.settle(await acceptOne({ function: 'c' }), { outcome: 'done' }, when);
      await store.settle(
        await acceptOne({ function: 'd' }),
        { outcome: 'dead', status: null, reason: 'x' },
        when,
      );
      expect(await store.depths()).toEqual([
        { function: 'a', waiting: 1, dead: 1 },
        { function: 'b', waiting: 1, dead: 0 },
        { function: 'd', waiting: 0, dead: 1 },
      ]);
    });

    it('ends and purges any number of deliveries', async () => {
      const queue = { limit: 5_000, whenFull: 'reject' } as const;
      await Promise.all(Array.from({ length: 2_500 }, () => acceptOne({ queue })));
      expect(await store.abandon('light', 'function removed', 5_000)).toBe(2_500);
      expect(await store.depths()).toEqual([{ function: 'light', waiting: 0, dead: 2_500 }]);
      expect(await store.purge({ function: 'light' })).toBe(2_500);
      expect(await store.depths()).toEqual([]);
    });

    it('ends all deliveries of a removed function', async () => {
      await acceptOne();
      await acceptOne();
      await acceptOne({ function: 'siren' });
      expect(await store.abandon('light', 'function removed', 5_000)).toBe(2);
      expect(await waiting()).toEqual([]);
      expect(await waiting('siren')).toHaveLength(1);
      expect(await deadLetters()).toMatchObject([
        { reason: 'function removed', diedMs: 5_000 },
        { reason: 'function removed' },
      ]);
    });

    describe('dead letters', () => {
      const kill = async (name: string) => {
        const event = buildEvent();
        const id = await acceptOne({ function: name, orderKey: 'k' }, event);
        await store.settle(id, { outcome: 'dead', status: 500, reason: 'x' }, when);
        return event.id;
      };

      it('are listed newest first, by function and page', async () => {
        const a1 = await kill('a');
        const b1 = await kill('b');
        const a2 = await kill('a');
        const all = await deadLetters();
        expect(all.map(({ event }) => event.id)).toEqual([a2, b1, a1]);
        const ofA = await store.deadLetters({ function: 'a', limit: 1 });
        expect(ofA.map(({ event }) => event.id)).toEqual([a2]);
        const rest = await store.deadLetters({ function: 'a', limit: 5, beforeId: Number(ofA[0]?.id) });
        expect(rest.map(({ event }) => event.id)).toEqual([a1]);
      });

      it('are listed without their data and read with it, one by one', async () => {
        await kill('a');
        const [first] = await deadLetters();
        const { event, ...facts } = (await store.deadLetter(Number(first?.id))) ?? { event: buildEvent() };
        const { data, ...attributes } = event;
        expect(Buffer.from(data).toString()).toBe('{"motion":true}');
        expect(first).toEqual({ ...facts, event: { ...attributes, dataBytes: data.length } });
        expect(await store.deadLetter(12_345)).toBeUndefined();
      });

      it('are replayed with fresh attempts and a new time to live, as what they were', async () => {
        const a = await kill('a');
        const b = await kill('b');
        const ids = (await deadLetters()).map(({ id }) => id);
        const functions = await store.replay([...ids, 12_345, ...ids], { nowMs: 8_000, ttlMs: 100 });
        expect([...functions].sort()).toEqual(['a', 'b']);
        expect(await deadLetters()).toEqual([]);
        expect(await waiting('a')).toMatchObject([
          { attempts: 0, dueMs: 8_000, expiresMs: 8_100, orderKey: 'k', event: { id: a } },
        ]);
        expect(await waiting('b')).toMatchObject([{ event: { id: b } }]);
      });

      it('are purged by id, by function, or all', async () => {
        for (const name of ['a', 'a', 'b', 'c']) await kill(name);
        const [newest] = await deadLetters();
        expect(await store.purge({ ids: [Number(newest?.id), 12_345] })).toBe(1);
        expect(await store.purge({ function: 'a' })).toBe(2);
        expect(await deadLetters()).toMatchObject([{ function: 'b' }]);
        expect(await store.purge({})).toBe(1);
        expect(await store.depths()).toEqual([]);
      });
    });

    describe('outbox', () => {
      it('gives entries back as they were, oldest first, behind a position', async () => {
        const entries = [1, 2, 3].map(() => buildOutboxEntry({ payload: Buffer.from([1, 2]) }));
        for (const entry of entries) await store.putOutbox(entry);
        const all = await store.outbox({ limit: 10 });
        expect(all).toEqual(
          entries.map((entry) => ({
            ...entry,
            payload: new Uint8Array([1, 2]),
            position: expect.any(Number),
          })),
        );
        const rest = await store.outbox({ limit: 1, afterPosition: Number(all[0]?.position) });
        expect(rest.map(({ id }) => id)).toEqual([entries[1]?.id]);
      });

      it('keeps an entry until it is removed', async () => {
        const [a, b] = [buildOutboxEntry(), buildOutboxEntry()];
        await store.putOutbox(a);
        await store.putOutbox(b);
        await store.removeOutbox([a.id, 'unknown']);
        expect(await store.countOutbox()).toBe(1);
        expect(await store.outbox({ limit: 10 })).toMatchObject([{ id: b.id }]);
      });

      it('holds an entry once, however often it is put', async () => {
        const entry = buildOutboxEntry();
        await store.putOutbox(entry);
        await store.putOutbox(entry);
        expect(await store.countOutbox()).toBe(1);
      });

      it('never gives a position a second time', async () => {
        const [a, b] = [buildOutboxEntry(), buildOutboxEntry()];
        await store.putOutbox(a);
        const [first] = await store.outbox({ limit: 1 });
        await store.removeOutbox([a.id]);
        await store.putOutbox(b);
        expect(await store.outbox({ limit: 1, afterPosition: Number(first?.position) })).toMatchObject([
          { id: b.id },
        ]);
      });
    });

    it('keeps documents by kind and key', async () => {
      await store.putDocument('spec', 'b', { n: 1 });
      await store.putDocument('spec', 'a', [null, 'é']);
      await store.putDocument('spec', 'b', { n: 2 });
      await store.putDocument('tick', 'a', 7);
      await store.removeDocument('tick', 'unknown');
      expect(await store.documents('spec')).toEqual([
        { key: 'a', value: [null, 'é'] },
        { key: 'b', value: { n: 2 } },
      ]);
      await store.removeDocument('spec', 'a');
      expect(await store.documents('spec')).toEqual([{ key: 'b', value: { n: 2 } }]);
    });

    describe('sweep', () => {
      it('forgets event ids past their window, however many', async () => {
        const events = Array.from({ length: 2_500 }, () => buildEvent());
        await Promise.all(events.map((event) => store.accept(event, [], when)));
        expect(await store.sweep({ nowMs: 1_500 })).toEqual({ deadLetters: 0, outbox: 0 });
        const back = await store.accept(events[0] ?? buildEvent(), [], { ...when, nowMs: 1_400 });
        expect(back.outcome).toBe('stored');
      });

      it('leaves event ids within their window', async () => {
        const event = buildEvent();
        await store.accept(event, [], when);
        await store.sweep({ nowMs: 1_499 });
        expect((await store.accept(event, [], when)).outcome).toBe('duplicate');
      });

      it('removes dead letters past their time', async () => {
        for (const nowMs of [1_000, 2_000]) {
          const id = await acceptOne();
          await store.settle(id, { outcome: 'dead', status: null, reason: 'x' }, { nowMs });
        }
        expect(await store.sweep({ nowMs: 3_000, deadLetterTtlMs: 1_500 })).toMatchObject({ deadLetters: 1 });
        expect(await deadLetters()).toMatchObject([{ diedMs: 2_000 }]);
      });

      it('removes the oldest dead letters over their bound', async () => {
        const ids = [await acceptOne(), await acceptOne(), await acceptOne()];
        await store.abandon('light', 'x', 1_000);
        expect(await store.sweep({ nowMs: 1_000, maxDeadLetters: 1 })).toMatchObject({ deadLetters: 2 });
        expect(await deadLetters()).toHaveLength(1);
        expect(ids).toHaveLength(3);
      });

      it('removes the oldest outbox entries over their bound', async () => {
        const entries = Array.from({ length: 1_500 }, () => buildOutboxEntry());
        await Promise.all(entries.map((entry) => store.putOutbox(entry)));
        expect(await store.sweep({ nowMs: 0, maxOutbox: 2 })).toMatchObject({ outbox: 1_498 });
        expect((await store.outbox({ limit: 9 })).map(({ id }) => id)).toEqual(
          entries.slice(-2).map(({ id }) => id),
        );
      });
    });

    it('refuses a request that cannot be written without harm to those beside it', async () => {
      const broken = buildEvent({ hops: Number.NaN });
      const results = await Promise.allSettled([
        acceptOne(),
        store.accept(broken, [buildDelivery()], when),
        acceptOne(),
      ]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(await waiting()).toHaveLength(2);
      const mended = await store.accept({ ...broken, hops: 0 }, [], when);
      expect(mended.outcome).toBe('stored');
    });

    it('answers in the order of the calls', async () => {
      const order: number[] = [];
      await Promise.all(Array.from({ length: 50 }, (_, i) => acceptOne().then(() => order.push(i))));
      expect(order).toEqual(Array.from({ length: 50 }, (_, i) => i));
    });
  });
}
