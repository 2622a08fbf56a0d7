import { describe, expect, test } from 'vitest';
import type { Envelope } from '../../../src/events/event.ts';
import type { CatalogueEntry } from '../../../src/functions/catalogue.ts';
import { buildEvent } from '../../support/store-values.ts';
import { answer, buildEntry, heldFunction, notAborted, type Rig, startRig } from '../../support/triggers.ts';
import { until } from '../../support/wait.ts';

const strict = buildEntry('strict', { delivery: { acknowledge: 'handled', attempts: 1 } });
const other = buildEntry('other', { delivery: { acknowledge: 'handled' } });
const easy = buildEntry('easy');

/** Accepts an event; `state.isOver` tells when it may be acknowledged. */
async function accept(rig: Rig, wanting: readonly CatalogueEntry[], event: Envelope, signal = notAborted) {
  const acceptance = await rig.acceptor.accept(event, wanting);
  const state = { isOver: false, waiting: Promise.resolve() };
  state.waiting = rig.untilHandled.wait({ eventId: event.id, wanting, acceptance }, signal).then(() => {
    state.isOver = true;
  });
  return state;
}

describe('an event for a function that asks to have it kept until it is handled', () => {
  test('is over when the function is done with it', async () => {
    const rig = await startRig([strict]);
    const held = heldFunction();
    rig.functions.define('strict', held.run);
    const state = await accept(rig, [strict], buildEvent());
    await until('it is being handled', () => rig.functions.calls.length === 1);
    expect(state.isOver).toBe(false);
    held.release();
    await until('it is over', () => state.isOver);
  });

  test('is over when it is a dead letter', async () => {
    const rig = await startRig([strict]);
    rig.functions.define('strict', () => answer(500));
    const state = await accept(rig, [strict], buildEvent());
    await until('it is over', () => state.isOver);
    expect(await rig.store.deadLetters({ limit: 10 })).toHaveLength(1);
  });

  test('is not over while it waits for another attempt', async () => {
    const retried = buildEntry('strict', { delivery: { acknowledge: 'handled', attempts: 2 } });
    const rig = await startRig([retried]);
    rig.functions.define('strict', () => answer(500));
    const state = await accept(rig, [retried], buildEvent());
    await until('the first attempt is over', async () => {
      const [delivery] = await rig.store.waiting('strict', { afterId: 0, limit: 1 });
      return delivery?.attempts === 1;
    });
    expect(state.isOver).toBe(false);
    await rig.clock.advance(120_000);
    await until('it is over', () => state.isOver);
  });

  test('waits for all functions that ask so, and for no other', async () => {
    const rig = await startRig([strict, other, easy]);
    const held = heldFunction();
    rig.functions.define('strict', () => answer(200));
    rig.functions.define('other', held.run);
    rig.functions.define('easy', () => new Promise(() => {}));
    const state = await accept(rig, [strict, other, easy], buildEvent());
    await until('one is done', async () => (await rig.waiting('strict')) === 0);
    expect(state.isOver).toBe(false);
    held.release();
    await until('it is over', () => state.isOver);
  });

  test('waits as well when the broker repeats it', async () => {
    const rig = await startRig([strict]);
    const held = heldFunction();
    rig.functions.define('strict', held.run);
    const event = buildEvent();
    await accept(rig, [strict], event);
    const again = await accept(rig, [strict], event);
    await until('it is being handled', () => rig.functions.calls.length === 1);
    expect(again.isOver).toBe(false);
    held.release();
    await until('it is over', () => again.isOver);
    const third = await accept(rig, [strict], event);
    await until('nothing is left to wait for', () => third.isOver);
    expect(rig.functions.calls).toHaveLength(1);
  });

  test('is over when it was dropped from a full queue', async () => {
    const small = buildEntry('strict', {
      delivery: { acknowledge: 'handled', queueLimit: 1, queueWhenFull: 'drop-oldest' },
    });
    const rig = await startRig([]);
    const dropped = await accept(rig, [small], buildEvent());
    await accept(rig, [small], buildEvent());
    await rig.clock.advance(10_000);
    await until('it is over', () => dropped.isOver);
  });

  test('is over when its function was removed', async () => {
    const rig = await startRig([strict]);
    rig.functions.define('strict', () => new Promise(() => {}));
    const state = await accept(rig, [strict], buildEvent());
    await rig.store.abandon('strict', 'function removed', rig.clock.nowMs());
    await rig.clock.advance(10_000);
    await until('it is over', () => state.isOver);
  });

  test('is left to the broker when the agent stops', async () => {
    const rig = await startRig([strict]);
    rig.functions.define('strict', () => new Promise(() => {}));
    const stopping = new AbortController();
    const state = await accept(rig, [strict], buildEvent(), stopping.signal);
    stopping.abort(new Error('stopping'));
    await expect(state.waiting).rejects.toThrow('stopping');
  });
});

test('an event that no function wants kept is over when it is stored', async () => {
  const rig = await startRig([easy]);
  rig.functions.define('easy', () => new Promise(() => {}));
  const state = await accept(rig, [easy], buildEvent());
  await state.waiting;
  expect(state.isOver).toBe(true);
});
