import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import type { Leader } from '../../../src/control/leader.ts';
import { PublishCatalogue } from '../../../src/control/publish-catalogue.ts';
import type { WantedFunction } from '../../../src/control/reconcile.ts';
import { topics } from '../../../src/events/topics.ts';
import { encodeCatalogue } from '../../../src/functions/catalogue-message.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { silentLog } from '../../../src/support/log.ts';
import { Metrics } from '../../../src/support/metrics.ts';
import { buildMessage } from '../../support/catalogue-messages.ts';

function wanted(name: string, replicas = 1): WantedFunction {
  const { version: _version, at: _at, ...rest } = buildMessage({ name, replicas });
  return rest;
}

class Signal {
  readonly #listeners = new Set<() => void>();
  readonly onChange = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

describe('the publisher of the catalogue', () => {
  let bus: MemoryBus;
  let clock: ManualClock;
  let functions: WantedFunction[];
  let isLeader: boolean;
  let source: Signal;
  let leadership: Signal;
  const started: PublishCatalogue[] = [];

  beforeEach(async () => {
    bus = new MemoryBus();
    clock = new ManualClock();
    await bus.start();
    functions = [wanted('a')];
    isLeader = true;
    source = new Signal();
    leadership = new Signal();
  });

  afterEach(async () => {
    for (const one of started.splice(0)) await one.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  async function start(): Promise<PublishCatalogue> {
    const leader: Leader = { isLeader: () => isLeader, onChange: leadership.onChange };
    const publisher = new PublishCatalogue({
      bus,
      source: { functions: async () => functions, onChange: source.onChange },
      leader,
      clock,
      log: silentLog,
      metrics: new Metrics(),
    });
    started.push(publisher);
    await publisher.start();
    return publisher;
  }

  /** What somebody who subscribes now is given. */
  async function retained(): Promise<
    Record<string, { replicas?: number; version: number; names?: string[] }>
  > {
    const found: Record<string, { replicas?: number; version: number; names?: string[] }> = {};
    const unsubscribe = await bus.subscribe('bramble/all/#', ({ topic, payload }) => {
      found[topic.slice('bramble/all/'.length)] = JSON.parse(Buffer.from(payload).toString());
    });
    await unsubscribe();
    return found;
  }

  const settle = () => clock.advance(1_000);
  const countPublished = () => bus.published.length;

  it('publishes every function, and their names', async () => {
    functions = [wanted('b'), wanted('a')];
    await start();
    await settle();
    expect(await retained()).toMatchObject({
      'catalogue/function/a': { replicas: 1 },
      'catalogue/function/b': { replicas: 1 },
      catalogue: { names: ['a', 'b'] },
    });
  });

  it('publishes only what changed, and nothing while nothing does', async () => {
    functions = [wanted('a'), wanted('b')];
    await start();
    await settle();
    const before = countPublished();
    functions = [wanted('a'), wanted('b', 3)];
    source.tell();
    await settle();
    expect(bus.published.slice(before).map(({ topic }) => topic)).toEqual([topics.catalogue('b')]);
    await clock.advance(60_000);
    expect(countPublished()).toBe(before + 1);
  });

  it('finds out by itself what nobody told it', async () => {
    await start();
    await settle();
    functions = [wanted('a', 2)];
    await clock.advance(20_000);
    expect(await retained()).toMatchObject({ 'catalogue/function/a': { replicas: 2 } });
  });

  it('removes what an earlier leader left, and garbage', async () => {
    const left = buildMessage({ name: 'left', version: 7 });
    await bus.publish({ topic: topics.catalogue('left'), payload: encodeCatalogue(left), retain: true });
    await bus.publish({ topic: topics.catalogue('noise'), payload: 'noise', retain: true });
    await start();
    await settle();
    expect(Object.keys(await retained()).sort()).toEqual(['catalogue', 'catalogue/function/a']);
  });

  it('takes over with higher versions than a leader whose clock was ahead', async () => {
    const version = clock.nowMs() + 1_000_000;
    const message = buildMessage({ name: 'a', replicas: 9, version });
    await bus.publish({ topic: topics.catalogue('a'), payload: encodeCatalogue(message), retain: true });
    await start();
    await settle();
    const { 'catalogue/function/a': now } = await retained();
    expect(now?.replicas).toBe(1);
    expect(now?.version).toBeGreaterThan(version);
  });

  it('leaves alone what is right already', async () => {
    await start();
    await settle();
    const before = countPublished();
    await start();
    await settle();
    expect(countPublished()).toBe(before);
  });

  it('does nothing while another leads, and begins when it leads', async () => {
    isLeader = false;
    await start();
    await settle();
    expect(countPublished()).toBe(0);
    isLeader = true;
    leadership.tell();
    await settle();
    expect(Object.keys(await retained())).toContain('catalogue/function/a');
  });

  it('puts right what somebody else published over it', async () => {
    await start();
    await settle();
    await bus.publish({ topic: topics.catalogue('a'), payload: '', retain: true });
    await bus.publish({ topic: topics.catalogue('b'), payload: 'noise', retain: true });
    await settle();
    expect(Object.keys(await retained()).sort()).toEqual(['catalogue', 'catalogue/function/a']);
  });

  it('says everything again to a broker that comes back empty', async () => {
    await start();
    await settle();
    for (const topic of [topics.catalogue('a'), topics.catalogueIndex]) {
      isLeader = false; // nobody puts it right while the broker forgets
      await bus.publish({ topic, payload: '', retain: true });
    }
    await bus.setState('offline');
    isLeader = true;
    await bus.setState('online');
    await settle();
    expect(Object.keys(await retained()).sort()).toEqual(['catalogue', 'catalogue/function/a']);
  });

  it('goes on when Docker could not be asked for once', async () => {
    const publisher = new PublishCatalogue({
      bus,
      source: {
        functions: async () => {
          if (functions.length === 0) throw new Error('no answer');
          return functions;
        },
        onChange: source.onChange,
      },
      leader: { isLeader: () => true, onChange: leadership.onChange },
      clock,
      log: silentLog,
      metrics: new Metrics(),
    });
    started.push(publisher);
    functions = [];
    await publisher.start();
    await settle();
    functions = [wanted('a')];
    source.tell();
    await settle();
    expect(Object.keys(await retained())).toContain('catalogue/function/a');
  });
});
