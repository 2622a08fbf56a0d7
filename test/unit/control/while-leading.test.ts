import { describe, expect, test } from 'vitest';
import type { Leader } from '../../../src/control/leader.ts';
import { WhileLeading } from '../../../src/control/while-leading.ts';
import { silentLog } from '../../../src/support/log.ts';

class Election implements Leader {
  readonly #listeners = new Set<() => void>();
  #isLeader: boolean;

  constructor(isLeader: boolean) {
    this.#isLeader = isLeader;
  }

  isLeader(): boolean {
    return this.#isLeader;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  result(isLeader: boolean): void {
    this.#isLeader = isLeader;
    for (const listener of this.#listeners) listener();
  }
}

function setUp(isLeader: boolean) {
  const leader = new Election(isLeader);
  const events: string[] = [];
  let made = 0;
  const create = () => {
    made += 1;
    const number = made;
    return {
      name: 'acting',
      start: async () => void events.push(`start ${number}`),
      stop: async () => void events.push(`stop ${number}`),
    };
  };
  return { leader, events, service: new WhileLeading({ leader, create, log: silentLog }) };
}

const { signal } = new AbortController();

describe('a service that runs while this node leads', () => {
  test('waits for the node to be elected', async () => {
    const { leader, events, service } = setUp(false);
    await service.start(signal);
    expect(events).toEqual([]);
    leader.result(true);
    await expect.poll(() => events).toEqual(['start 1']);
  });

  test('is stopped when another leads, and made anew the next time', async () => {
    const { leader, events, service } = setUp(true);
    await service.start(signal);
    leader.result(false);
    await expect.poll(() => events.at(-1)).toBe('stop 1');
    leader.result(true);
    await expect.poll(() => events.at(-1)).toBe('start 2');
    expect(events).toEqual(['start 1', 'stop 1', 'start 2']);
    await service.stop();
    expect(events.at(-1)).toBe('stop 2');
  });

  test('is not started again once the agent stops', async () => {
    const { leader, events, service } = setUp(true);
    await service.start(signal);
    await service.stop();
    leader.result(true);
    await service.stop();
    expect(events).toEqual(['start 1', 'stop 1']);
  });
});
