import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import { topics } from '../../../src/events/topics.ts';
import { BusCatalogue } from '../../../src/functions/catalogue.bus.ts';
import { encodeCatalogue } from '../../../src/functions/catalogue-message.ts';
import type { MemoryStore } from '../../../src/store/store.memory.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { silentLog } from '../../../src/support/log.ts';
import { Metrics } from '../../../src/support/metrics.ts';
import { buildMessage, buildTask } from '../../support/catalogue-messages.ts';
import { openMemoryStore } from '../../support/triggers.ts';
import { until } from '../../support/wait.ts';

describe('the catalogue from the bus', () => {
  let bus: MemoryBus;
  let store: MemoryStore;
  let metrics: Metrics;
  let catalogue: BusCatalogue;
  const started: BusCatalogue[] = [];

  beforeEach(async () => {
    bus = new MemoryBus();
    await bus.start();
    store = await openMemoryStore();
    metrics = new Metrics();
    catalogue = await start();
  });

  afterEach(async () => {
    for (const one of started.splice(0)) await one.stop();
    await store.stop();
  });

  async function start(): Promise<BusCatalogue> {
    metrics = new Metrics();
    const clock = new ManualClock();
    const one = new BusCatalogue({ bus, store, clock, log: silentLog, metrics, maxAnswerBytes: 1_000_000 });
    started.push(one);
    await one.start();
    return one;
  }

  const say = (message: ReturnType<typeof buildMessage>) =>
    bus.publish({ topic: topics.catalogue(message.name), payload: encodeCatalogue(message), retain: true });
  const sayRaw = (name: string, payload: string) =>
    bus.publish({ topic: topics.catalogue(name), payload, retain: true });
  const ids = () => catalogue.endpoints('echo').map(({ id }) => id);

  it('has the functions that were published before it started, and those that come later', async () => {
    await say(buildMessage());
    catalogue = await start();
    await say(buildMessage({ name: 'later' }));
    expect(catalogue.entries().map(({ name }) => name)).toEqual(['echo', 'later']);
    expect(catalogue.find('echo')).toMatchObject({ name: 'echo', replicas: 1 });
    expect(catalogue.statuses()).toMatchObject([{ name: 'echo', image: 'echo:1' }, { name: 'later' }]);
  });

  it('reads the settings that a function has', async () => {
    await say(buildMessage({ service: { labels: { topic: 'a/+' }, envVars: { exec_timeout: '2s' } } }));
    expect(catalogue.find('echo')?.settings).toMatchObject({
      triggers: { topics: ['a/+'] },
      process: { execTimeoutMs: 2_000 },
    });
  });

  it('tells of each change', async () => {
    let changes = 0;
    const unwatch = catalogue.onChange(() => {
      changes += 1;
    });
    await say(buildMessage());
    await sayRaw('echo', '');
    unwatch();
    await say(buildMessage({ version: 2 }));
    expect(changes).toBe(2);
  });

  it('gives requests only to replicas that are ready, and lists the frozen ones as tasks', async () => {
    const tasks = [buildTask({ id: 'a' }), buildTask({ id: 'b', state: 'frozen' })];
    await say(buildMessage({ endpoints: tasks }));
    expect(ids()).toEqual(['a']);
    expect(catalogue.tasks('echo')).toEqual(tasks);
  });

  it('keeps the way to a replica that stays, also while it is frozen, and gives up the others', async () => {
    const [a, b] = [buildTask({ id: 'a' }), buildTask({ id: 'b' })];
    await say(buildMessage({ endpoints: [a, b] }));
    const [before] = catalogue.endpoints('echo');
    await say(buildMessage({ version: 2, endpoints: [{ ...a, state: 'frozen' }, b] }));
    await say(buildMessage({ version: 3, endpoints: [a] }));
    expect(catalogue.endpoints('echo')).toEqual([before]);
    expect(catalogue.endpoints('echo')[0]).toBe(before);
    await say(buildMessage({ version: 4, endpoints: [{ ...a, address: '127.0.0.2:8080' }] }));
    expect(catalogue.endpoints('echo')[0]).not.toBe(before);
  });

  it('counts what is no catalogue message, and goes on with what it had', async () => {
    await say(buildMessage());
    await sayRaw('echo', '{"name":"echo"}');
    await sayRaw('other', 'garbage');
    await say(buildMessage({ version: 2, service: { annotations: { topic: '##' } } }));
    expect(catalogue.entries().map(({ name }) => name)).toEqual(['echo']);
    expect(await metrics.render()).toContain('bramble_catalogue_messages_ignored_total{reason="invalid"} 3');
  });

  it('forgets a function whose message is emptied', async () => {
    await say(buildMessage());
    await sayRaw('echo', '');
    expect([catalogue.entries(), catalogue.endpoints('echo')]).toEqual([[], []]);
    await until('it is off the disk', async () => (await store.documents('catalogue')).length === 0);
  });

  it('ends up with the newest version, in whatever order they come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 12 }),
        async (versions) => {
          await sayRaw('echo', '');
          for (const version of versions) await say(buildMessage({ version, replicas: version }));
          expect(catalogue.find('echo')?.replicas).toBe(Math.max(...versions));
        },
      ),
      { numRuns: 50 },
    );
  });

  describe('after a restart without a broker', () => {
    const restart = async () => {
      await until('it is on disk', async () => (await store.documents('catalogue')).length === 1);
      await catalogue.stop();
      bus = new MemoryBus();
      catalogue = await start();
    };

    it('serves what it knew', async () => {
      await say(buildMessage());
      await restart();
      expect(catalogue.find('echo')).toBeDefined();
      expect(ids()).toEqual(['task-1']);
    });

    it('follows the bus again when it is back', async () => {
      await say(buildMessage({ version: 5 }));
      await restart();
      await bus.start();
      await say(buildMessage({ version: 6, replicas: 4 }));
      expect(catalogue.find('echo')?.replicas).toBe(4);
    });

    it('learns from the index which functions were removed meanwhile', async () => {
      await say(buildMessage({ version: 5 }));
      await restart();
      await bus.start();
      const index = (names: string[], version: number) =>
        bus.publish({
          topic: topics.catalogueIndex,
          payload: JSON.stringify({ names, version }),
          retain: true,
        });
      await index([], 4);
      expect(catalogue.find('echo')).toBeDefined();
      await index(['echo'], 6);
      expect(catalogue.find('echo')).toBeDefined();
      await index([], 7);
      expect(catalogue.find('echo')).toBeUndefined();
    });
  });
});
