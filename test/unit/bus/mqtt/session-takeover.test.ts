import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryBus } from '../../../../src/bus/bus.memory.ts';
import { type AdoptedSession, SessionTakeover } from '../../../../src/bus/mqtt/session-takeover.ts';
import { topics } from '../../../../src/events/topics.ts';
import { ManualClock } from '../../../../src/support/clock.manual.ts';
import { BrambleError } from '../../../../src/support/errors.ts';
import { silentLog } from '../../../../src/support/log.ts';
import { Metrics } from '../../../../src/support/metrics.ts';

describe('the takeover of sessions', () => {
  let bus: MemoryBus;
  let clock: ManualClock;
  let takeover: SessionTakeover;
  /** Client ids, in order of adoption. */
  let adopted: string[];
  let held: Map<string, () => void>;
  let isRefused: boolean;

  beforeEach(async () => {
    bus = new MemoryBus();
    clock = new ManualClock();
    adopted = [];
    held = new Map();
    isRefused = false;
    takeover = new SessionTakeover({
      bus: {
        subscribe: (filter, handler) => bus.subscribe(filter, handler),
        onState: (listener) => bus.onState(listener),
        adopt,
      },
      node: 'pi-1',
      clientIdOf: (node) => `bramble-${node}`,
      clock,
      log: silentLog,
      metrics: new Metrics(),
    });
    await takeover.start();
    await bus.start();
    await say('pi-1', 'online');
  });

  afterEach(async () => {
    await takeover.stop();
    expect([held.size, clock.pendingTimers]).toEqual([0, 0]);
  });

  async function adopt(clientId: string): Promise<AdoptedSession> {
    if (isRefused) throw new BrambleError('BUS_OFFLINE', 'no');
    adopted.push(clientId);
    let hangUp = () => {};
    const closed = new Promise<BrambleError>((resolve) => {
      hangUp = () => {
        held.delete(clientId);
        resolve(new BrambleError('BUS_OFFLINE', 'taken over'));
      };
    });
    held.set(clientId, hangUp);
    return {
      closed,
      end: async () => {
        hangUp();
        await closed;
      },
    };
  }

  const say = (node: string, state: string) =>
    bus.publish({ topic: topics.status(node), payload: state, retain: true });

  it('waits for a node that is merely restarted', async () => {
    await say('pi-2', 'offline');
    await clock.advance(3_000);
    await say('pi-2', 'online');
    await clock.advance(60_000);
    expect(adopted).toEqual([]);
  });

  it('takes the session of a node that stays away, once', async () => {
    await say('pi-2', 'offline');
    await clock.advance(7_000);
    expect([...held.keys()]).toEqual(['bramble-pi-2']);
    await clock.advance(60_000);
    expect(adopted).toHaveLength(1);
  });

  it('gives it up without a fight when its node comes back', async () => {
    await say('pi-2', 'offline');
    await clock.advance(7_000);
    held.get('bramble-pi-2')?.();
    // The node says that it is online when its subscriptions are made, not before.
    await clock.advance(20_000);
    await say('pi-2', 'online');
    await clock.advance(60_000);
    expect(adopted).toHaveLength(1);
  });

  it('takes it again when its node came back and never said so', async () => {
    await say('pi-2', 'offline');
    await clock.advance(7_000);
    held.get('bramble-pi-2')?.();
    await clock.advance(32_000);
    expect([...held.keys()]).toEqual(['bramble-pi-2']);
  });

  it('takes it at once when its node came back, said so, and is gone again', async () => {
    await say('pi-2', 'offline');
    await clock.advance(7_000);
    held.get('bramble-pi-2')?.();
    await say('pi-2', 'online');
    await say('pi-2', 'offline');
    await clock.advance(7_000);
    expect([...held.keys()]).toEqual(['bramble-pi-2']);
  });

  it('ends a session that its node forgot to ask back', async () => {
    await say('pi-2', 'offline');
    await clock.advance(7_000);
    await say('pi-2', 'online');
    await clock.advance(2_000);
    expect(held.size).toBe(0);
  });

  it('leaves it to a node that comes first by name', async () => {
    await say('pi-2', 'offline');
    await clock.advance(7_000);
    await say('pi-0', 'online');
    await clock.advance(2_000);
    expect(held.size).toBe(0);
    await say('pi-0', 'offline');
    await clock.advance(7_000);
    expect([...held.keys()].sort()).toEqual(['bramble-pi-0', 'bramble-pi-2']);
  });

  it('tries again when the broker does not let it', async () => {
    isRefused = true;
    await say('pi-2', 'offline');
    await clock.advance(20_000);
    isRefused = false;
    await clock.advance(7_000);
    expect([...held.keys()]).toEqual(['bramble-pi-2']);
  });

  it('lets go while it is offline itself, and looks anew at who is there when it is back', async () => {
    await say('pi-2', 'offline');
    await clock.advance(7_000);
    await bus.setState('offline');
    await clock.advance(2_000);
    expect(held.size).toBe(0);
    await bus.setState('online');
    await clock.advance(3_000);
    expect(held.size).toBe(0);
    await clock.advance(4_000);
    expect([...held.keys()]).toEqual(['bramble-pi-2']);
  });
});
