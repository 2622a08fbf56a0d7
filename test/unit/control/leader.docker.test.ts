import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DockerLeader } from '../../../src/control/leader.docker.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { silentLog } from '../../../src/support/log.ts';

/** Time may pass without a timer that rings, as it does for a process that is stopped. */
class SleepingClock extends ManualClock {
  sleptMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.sleptMs;
  }
}

describe('the leader by Docker', () => {
  let clock: SleepingClock;
  let read: () => Promise<{ isLeader: boolean }>;
  let leader: DockerLeader;
  let changes: boolean[];

  beforeEach(() => {
    clock = new SleepingClock();
    read = async () => ({ isLeader: true });
    leader = new DockerLeader({ readManager: () => read(), clock, log: silentLog });
    changes = [];
    leader.onChange(() => changes.push(leader.isLeader()));
  });

  afterEach(() => leader.stop());

  it('is known when it has started', async () => {
    expect(leader.isLeader()).toBe(false);
    await leader.start();
    expect(leader.isLeader()).toBe(true);
  });

  it('is told of each change once', async () => {
    await leader.start();
    await clock.advance(3_000);
    read = async () => ({ isLeader: false });
    await clock.advance(3_000);
    expect(changes).toEqual([true, false]);
  });

  it('does not lead while nobody can say that it does', async () => {
    await leader.start();
    read = () => Promise.reject(new Error('no leader'));
    await clock.advance(1_000);
    expect(leader.isLeader()).toBe(false);
    read = async () => ({ isLeader: true });
    await clock.advance(1_000);
    expect(leader.isLeader()).toBe(true);
  });

  it('does not lead when Docker keeps silent, and asks again', async () => {
    await leader.start();
    read = () => new Promise(() => {});
    await clock.advance(5_000);
    expect(leader.isLeader()).toBe(false);
    read = async () => ({ isLeader: true });
    await clock.advance(5_000);
    expect(leader.isLeader()).toBe(true);
  });

  it('does not lead after a sleep before it was told again, and its followers begin anew', async () => {
    await leader.start();
    clock.sleptMs = 60_000;
    expect(leader.isLeader()).toBe(false);
    await clock.advance(1_000);
    expect(changes).toEqual([true, false, true]);
  });

  it('tells why nothing can be managed, until Docker answers again', async () => {
    await leader.start();
    expect(leader.problem).toBeUndefined();
    read = () => Promise.reject(new Error('no leader'));
    await clock.advance(1_000);
    expect(leader.problem).toMatchObject({
      code: 'CONTROL_OFFLINE',
      message: expect.stringContaining('no leader'),
    });
    read = async () => ({ isLeader: false });
    await clock.advance(1_000);
    expect(leader.problem).toBeUndefined();
  });

  it('leads no more after it is stopped, whatever answer is still on its way', async () => {
    let answer: (manager: { isLeader: boolean }) => void = () => {};
    await leader.start();
    read = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    await clock.advance(1_000);
    await leader.stop();
    answer({ isLeader: true });
    await clock.advance(1_000);
    expect(leader.isLeader()).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });
});
