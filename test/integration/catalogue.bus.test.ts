import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MqttBus } from '../../src/bus/bus.mqtt.ts';
import { PublishCatalogue } from '../../src/control/publish-catalogue.ts';
import type { WantedFunction } from '../../src/control/reconcile.ts';
import { BusCatalogue } from '../../src/functions/catalogue.bus.ts';
import { createInvoke, type Invoke } from '../../src/functions/invoke.ts';
import type { MemoryStore } from '../../src/store/store.memory.ts';
import { systemClock } from '../../src/support/clock.system.ts';
import { silentLog } from '../../src/support/log.ts';
import { Metrics } from '../../src/support/metrics.ts';
import { newMqttBus, notAborted } from '../support/bus.ts';
import { buildMessage, buildTask } from '../support/catalogue-messages.ts';
import { type HttpServer, startHttpServer } from '../support/http-server.ts';
import { hasMosquitto, type Mosquitto, startMosquitto } from '../support/mosquitto.ts';
import { buildRequest, textOf } from '../support/requests.ts';
import { openMemoryStore } from '../support/triggers.ts';
import { until } from '../support/wait.ts';

describe.skipIf(!hasMosquitto)(
  'the catalogue over a broker (needs the programs mosquitto and mosquitto-clients)',
  () => {
    let broker: Mosquitto;
    let functions: WantedFunction[];
    let tell: () => void;
    const cleanUps: (() => Promise<unknown>)[] = [];

    beforeAll(async () => {
      broker = await startMosquitto();
    });

    beforeEach(async () => {
      await broker.restart(); // without persistence: it has forgotten the test before
      functions = [];
      tell = () => {};
    });

    afterEach(async () => {
      for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
    });

    afterAll(async () => {
      await broker?.remove();
    });

    async function startBus(): Promise<MqttBus> {
      const bus = newMqttBus({ url: broker.url });
      await bus.start(notAborted);
      cleanUps.push(() => bus.stop());
      return bus;
    }

    async function startReplica(says: string): Promise<HttpServer> {
      const server = await startHttpServer((_request, response) => response.end(says));
      cleanUps.push(() => server.close().catch(() => {})); // a test may have closed it
      return server;
    }

    function wanted(name: string, replicas: readonly HttpServer[]): WantedFunction {
      const endpoints = replicas.map(({ address }) => buildTask({ id: `task-${address}`, address }));
      const {
        version: _version,
        at: _at,
        ...rest
      } = buildMessage({ name, endpoints, replicas: replicas.length });
      return rest;
    }

    async function startManager(
      leader: { isLeader: boolean } = { isLeader: true },
    ): Promise<{ stop(): Promise<void> }> {
      const bus = await startBus();
      const publisher = new PublishCatalogue({
        bus,
        source: {
          functions: async () => functions,
          onChange: (listener) => {
            const others = tell;
            tell = () => {
              others();
              listener();
            };
            return () => {};
          },
        },
        leader: { isLeader: () => leader.isLeader, onChange: () => () => {} },
        clock: systemClock,
        log: silentLog,
        metrics: new Metrics(),
      });
      await publisher.start();
      const stop = () => publisher.stop();
      cleanUps.push(stop);
      return { stop };
    }

    interface Agent {
      readonly catalogue: BusCatalogue;
      readonly store: MemoryStore;
      readonly invoke: Invoke;
      stop(): Promise<void>;
    }

    async function startAgent(store?: MemoryStore): Promise<Agent> {
      const bus = newMqttBus({ url: broker.url });
      const kept = store ?? (await openMemoryStore());
      const metrics = new Metrics();
      const shared = { clock: systemClock, metrics };
      const catalogue = new BusCatalogue({
        ...shared,
        bus,
        store: kept,
        log: silentLog,
        maxAnswerBytes: 1_000_000,
      });
      const invoke = createInvoke({ ...shared, catalogue, node: 'pi', newId: () => 'id' });
      await catalogue.start();
      await bus.start(notAborted);
      const stop = async () => {
        await bus.stop();
        await catalogue.stop();
      };
      cleanUps.push(stop);
      return { catalogue, store: kept, invoke, stop };
    }

    const call = async ({ invoke }: Agent, name = 'echo') =>
      textOf(await invoke(name, buildRequest(), { signal: new AbortController().signal }));
    const knows = (agent: Agent, name = 'echo', endpoints = 1) =>
      until(`${name} is known`, () => agent.catalogue.endpoints(name).length === endpoints);

    it('lets every agent serve what the managers run, and follow its changes', async () => {
      const agents = [await startAgent(), await startAgent()];
      await startManager();
      const [one, two] = [await startReplica('one'), await startReplica('two')];
      functions = [wanted('echo', [one])];
      tell();
      for (const agent of agents) {
        await knows(agent);
        expect(await call(agent)).toBe('one');
      }
      functions = [wanted('echo', [two]), wanted('other', [one])];
      tell();
      for (const agent of agents) {
        await knows(agent, 'other');
        await until('the new replica answers', async () => (await call(agent)) === 'two');
      }
      functions = [wanted('other', [one])];
      tell();
      for (const agent of agents) await until('it is gone', () => agent.catalogue.find('echo') === undefined);
    });

    it('skips a replica that refuses, as long as another does not', async () => {
      const agent = await startAgent();
      await startManager();
      const [one, two] = [await startReplica('one'), await startReplica('two')];
      functions = [wanted('echo', [one, two])];
      tell();
      await knows(agent, 'echo', 2);
      await one.close();
      const answers = await Promise.all(Array.from({ length: 20 }, () => call(agent)));
      expect(new Set(answers)).toEqual(new Set(['two']));
    });

    it('goes on without managers and without a broker, also in an agent that is restarted', async () => {
      const agent = await startAgent();
      const manager = await startManager();
      functions = [wanted('echo', [await startReplica('one')])];
      tell();
      await knows(agent);
      await until('it is on disk', async () => (await agent.store.documents('catalogue')).length === 1);
      await manager.stop();
      await broker.kill();
      expect(await call(agent)).toBe('one');
      await agent.stop();
      const again = await startAgent(agent.store);
      expect(await call(again)).toBe('one');
      await broker.start();
    });

    it('is taken over by another leader, who removes what is gone meanwhile', async () => {
      const [first, second] = [{ isLeader: true }, { isLeader: false }];
      const agent = await startAgent();
      await startManager(first);
      await startManager(second);
      const one = await startReplica('one');
      functions = [wanted('echo', [one]), wanted('old', [one])];
      tell();
      await knows(agent, 'old');
      first.isLeader = false;
      functions = [wanted('echo', [one]), wanted('new', [one])];
      second.isLeader = true;
      tell();
      await knows(agent, 'new');
      await until('the old one is gone', () => agent.catalogue.find('old') === undefined);
      expect(await call(agent)).toBe('one');
    });

    it('is said again to a broker that forgot it', async () => {
      await startManager();
      functions = [wanted('echo', [await startReplica('one')])];
      tell();
      await knows(await startAgent());
      await broker.kill();
      await broker.start();
      const late = await startAgent();
      await knows(late);
      expect(await call(late)).toBe('one');
    });
  },
);
