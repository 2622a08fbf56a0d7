import { expect, it } from 'vitest';
import { VersionChoice } from '../../../../src/bus/mqtt/mqtt-version.ts';

it('stays with the version that was asked for', () => {
  const choice = new VersionChoice('3.1.1');
  choice.wasHungUpOn();
  expect(choice.wasRefused()).toBe(false);
  expect(choice.level).toBe(4);
  expect(new VersionChoice('5').level).toBe(5);
});

it('goes down for good when version 5 is refused by name', () => {
  const choice = new VersionChoice('auto');
  expect(choice.level).toBe(5);
  expect(choice.wasRefused()).toBe(true);
  choice.worked();
  expect(choice.level).toBe(4);
  expect(choice.wasRefused()).toBe(false);
});

it('tries both in turn while the broker hangs up, until 5 has worked once', () => {
  const choice = new VersionChoice('auto');
  const tried = [1, 2, 3].map(() => {
    const { level } = choice;
    choice.wasHungUpOn();
    return level;
  });
  expect(tried).toEqual([5, 4, 5]);
  choice.wasHungUpOn();
  choice.worked();
  choice.wasHungUpOn();
  expect(choice.level).toBe(5);
});
