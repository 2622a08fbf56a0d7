import { expect, it } from 'vitest';
import { received } from '../../../src/bus/message.ts';
import { Subscriptions } from '../../../src/bus/subscriptions.ts';

const message = received({ topic: 'a/b', payload: 'x' });

it('starts handlers before dispatch returns, and waits for all of them', async () => {
  const subscriptions = new Subscriptions();
  const calls: string[] = [];
  let finish = () => {};
  subscriptions.add('a/#', () => {
    calls.push('slow');
    return new Promise<void>((resolve) => {
      finish = resolve;
    });
  });
  subscriptions.add('a/b', () => void calls.push('quick'));
  const dispatched = subscriptions.dispatch(message).then(() => calls.push('end'));
  expect(calls).toEqual(['slow', 'quick']);
  finish();
  await dispatched;
  expect(calls).toEqual(['slow', 'quick', 'end']);
});

it('rejects with the first failure after every handler has ended, whether it throws or rejects', async () => {
  const subscriptions = new Subscriptions();
  const calls: string[] = [];
  subscriptions.add('a/b', () => {
    throw new Error('thrown');
  });
  subscriptions.add('a/+', async () => {
    await Promise.resolve();
    calls.push('late');
  });
  await expect(subscriptions.dispatch(message)).rejects.toThrow('thrown');
  expect(calls).toEqual(['late']);
});

it('prefers what the broker says about the subscriptions to the topic', async () => {
  const subscriptions = new Subscriptions();
  const calls: string[] = [];
  const { route } = subscriptions.add('a/#', () => void calls.push('named'));
  subscriptions.add('a/b', () => void calls.push('not named'));
  await subscriptions.dispatch(message, [route.id]);
  expect(calls).toEqual(['named']);
});

it('keeps a retained message from a group', async () => {
  const subscriptions = new Subscriptions();
  const calls: string[] = [];
  subscriptions.add('a/b', () => void calls.push('group'), 'crew');
  subscriptions.add('a/b', () => void calls.push('plain'));
  await subscriptions.dispatch({ ...message, retain: true });
  expect(calls).toEqual(['plain']);
});

it('removes one of two equal subscriptions at a time, and says when the last has gone', async () => {
  const subscriptions = new Subscriptions();
  let calls = 0;
  const handler = () => {
    calls += 1;
  };
  const [first, second] = [subscriptions.add('a/b', handler), subscriptions.add('a/b', handler)];
  expect(first.remove()).toBe(false);
  expect(first.remove()).toBe(false);
  await subscriptions.dispatch(message);
  expect(calls).toBe(1);
  expect(second.remove()).toBe(true);
  expect(subscriptions.routes).toEqual([]);
});
