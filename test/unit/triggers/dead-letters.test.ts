import { expect, test } from 'vitest';
import { silentLog } from '../../../src/support/log.ts';
import { DeadLetters } from '../../../src/triggers/dead-letters.ts';
import { buildEvent } from '../../support/store-values.ts';
import { answer, buildEntry, type Rig, startRig } from '../../support/triggers.ts';
import { until } from '../../support/wait.ts';

const light = buildEntry('light', { delivery: { concurrency: 8 } });

function openLetters(rig: Rig, maxDeadLetters = 100): DeadLetters {
  return new DeadLetters({ ...rig, queues: rig.dispatcher, log: silentLog, maxDeadLetters });
}

/** A rig with so many events that the function refused. */
async function withDeadLetters(count: number): Promise<Rig> {
  const rig = await startRig([light]);
  rig.functions.define('light', () => answer(400));
  for (let i = 0; i < count; i += 1) await rig.acceptor.accept(buildEvent({ id: `bad-${i}` }), [light]);
  await until('all are dead', async () => (await rig.store.deadLetters({ limit: 100 })).length === count);
  return rig;
}

test('replayed ones are handled with fresh attempts, and leave the list', async () => {
  const rig = await withDeadLetters(3);
  const letters = openLetters(rig);
  const [newest, , oldest] = await letters.list({ limit: 10 });
  rig.functions.define('light', () => answer(200));
  const calls = rig.functions.calls.length;

  const ids = [newest?.id ?? 0, oldest?.id ?? 0];
  expect(await letters.replay({ ids: [...ids, ...ids, 999_999] })).toEqual({
    replayed: 2,
    functions: ['light'],
  });

  await until('both are handled', async () => (await rig.waiting('light')) === 0);
  expect(rig.functions.calls.length - calls).toBe(2);
  expect((await letters.list({ limit: 10 })).length).toBe(1);
  const finished = (await rig.results()).filter(({ type }) => type === 'function.finished');
  expect(finished).toMatchObject([{ attempts: 1 }, { attempts: 1 }]);
});

test('one can be read', async () => {
  const rig = await withDeadLetters(1);
  const letters = openLetters(rig);
  const [letter] = await letters.list({ limit: 10 });
  expect(await letters.get(letter?.id ?? 0)).toMatchObject({
    function: 'light',
    status: 400,
    reason: 'status 400',
  });
  expect(await letters.get(999_999)).toBeUndefined();
});

test('purged ones are gone for good', async () => {
  const rig = await withDeadLetters(4);
  const letters = openLetters(rig);
  const [one] = await letters.list({ limit: 1 });

  expect(await letters.purge({ ids: [one?.id ?? 0] })).toBe(1);
  expect(await letters.purge({ function: 'other' })).toBe(0);
  expect(await letters.purge({ function: 'light' })).toBe(3);
  expect(await letters.purge('all')).toBe(0);
});

test('too many of them are swept every minute, the oldest first', async () => {
  const rig = await withDeadLetters(5);
  const letters = openLetters(rig, 2);
  await letters.start();
  expect((await letters.list({ limit: 10 })).length).toBe(2);
  await rig.acceptor.accept(buildEvent({ id: 'newest' }), [light]);
  await until('it is dead', async () => (await letters.list({ limit: 10 })).length === 3);

  await rig.clock.advance(60_000);

  const left = await until('the sweep', async () => {
    const list = await letters.list({ limit: 10 });
    return list.length === 2 ? list : undefined;
  });
  expect(left[0]?.event.id).toBe('newest');
  await letters.stop();
});
