import { expect, it } from 'vitest';
import { SendWindow } from '../../../../src/bus/mqtt/send-window.ts';

it('lets callers in as there is room, in the order they came', async () => {
  const window = new SendWindow(2, 10);
  const inside: number[] = [];
  const entering = [1, 2, 3, 4].map((n) => window.enter().then(() => inside.push(n)));
  await Promise.all(entering.slice(0, 2));
  expect(inside).toEqual([1, 2]);
  window.leave();
  await entering[2];
  expect(inside).toEqual([1, 2, 3]);
  window.leave();
  await entering[3];
  expect(inside).toEqual([1, 2, 3, 4]);
});

it('refuses who would make the queue too long', async () => {
  const window = new SendWindow(1, 1);
  await window.enter();
  const waiting = window.enter();
  await expect(window.enter()).rejects.toMatchObject({ code: 'BUSY' });
  window.leave();
  await waiting;
});

it('fails those who wait when it closes', async () => {
  const window = new SendWindow(1, 5);
  await window.enter();
  const waiting = expect(window.enter()).rejects.toThrow('gone');
  window.close(new Error('gone'));
  await waiting;
});
