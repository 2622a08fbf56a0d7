import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MqttBus } from '../../src/bus/bus.mqtt.ts';
import { SessionTakeover } from '../../src/bus/mqtt/session-takeover.ts';
import { topics } from '../../src/events/topics.ts';
import { systemClock } from '../../src/support/clock.system.ts';
import { silentLog } from '../../src/support/log.ts';
import { Metrics } from '../../src/support/metrics.ts';
import { newMqttBus, notAborted } from '../support/bus.ts';
import { hasMosquitto, type Mosquitto, startMosquitto } from '../support/mosquitto.ts';
import { startRelay, type TcpRelay } from '../support/tcp-relay.ts';
import { until } from '../support/wait.ts';

describe.skipIf(!hasMosquitto)(
  'the takeover of sessions (needs the programs mosquitto and mosquitto-clients)',
  () => {
    let broker: Mosquitto;
    const cleanUps: (() => Promise<unknown>)[] = [];

    beforeAll(async () => {
      broker = await startMosquitto();
    });

    afterEach(async () => {
      for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
    });

    afterAll(async () => {
      await broker?.remove();
    });

    interface Agent {
      readonly bus: MqttBus;
      readonly relay: TcpRelay;
      /** What its handler of the group got. */
      readonly got: string[];
      readonly commands: string[];
    }

    async function startAgent(node: string, protocol: '5' | '3.1.1'): Promise<Agent> {
      const relay = await startRelay(broker.port);
      cleanUps.push(() => relay.close());
      const clientIdOf = (name: string) => `takeover-${name}`;
      const bus = newMqttBus({
        url: `mqtt://127.0.0.1:${relay.port}`,
        clientId: clientIdOf(node),
        presence: { topic: topics.status(node), online: 'online', offline: 'offline' },
        protocol,
      });
      const agent: Agent = { bus, relay, got: [], commands: [] };
      const keep = (list: string[]) => (message: { payload: Uint8Array }) =>
        void list.push(Buffer.from(message.payload).toString());
      await bus.subscribe('work/#', keep(agent.got), { group: 'bramble' });
      await bus.subscribe('commands/+', keep(agent.commands));
      const takeover = new SessionTakeover({
        bus,
        node,
        clientIdOf,
        clock: systemClock,
        log: silentLog,
        metrics: new Metrics(),
      });
      await takeover.start();
      await bus.start(notAborted);
      cleanUps.push(
        () => bus.stop(),
        () => takeover.stop(),
      );
      await until(`${node} is online`, () => bus.state === 'online');
      return agent;
    }

    for (const protocol of ['5', '3.1.1'] as const)
      describe(`over MQTT ${protocol}`, () => {
        let one: Agent;
        let other: Agent;
        let sender: MqttBus;

        beforeEach(async () => {
          const run = randomUUID();
          one = await startAgent(`a-${run}`, protocol);
          other = await startAgent(`b-${run}`, protocol);
          sender = newMqttBus({ url: broker.url });
          await sender.start(notAborted);
          cleanUps.push(() => sender.stop());
        });

        const send = async (from: number, to: number) => {
          for (let i = from; i < to; i += 1) await sender.publish({ topic: `work/${i}`, payload: `${i}` });
        };
        const missing = (to: number) => {
          const got = new Set([...one.got, ...other.got]);
          return Array.from({ length: to }, (_, i) => `${i}`).filter((number) => !got.has(number));
        };

        it('brings what a dead node was dealt to another within 30 s, and what it is dealt later', async () => {
          other.relay.cut(); // the network is gone, and the node with it
          await send(0, 100);
          expect(missing(100).length).toBeGreaterThan(0);
          await until('all is taken over', () => missing(100).length === 0, 30_000);
          await send(100, 200);
          await until('nothing piles up', () => missing(200).length === 0);
        });

        it('gives the session back to its node without a fight, and nothing is lost on the way', async () => {
          other.relay.cut();
          await send(0, 50);
          await until('all is taken over', () => missing(50).length === 0, 30_000);
          const sending = send(50, 400);
          other.relay.mend();
          await until('the node is back', () => other.bus.state === 'online', 40_000);
          await sending;
          const before = other.got.length;
          let disconnects = 0;
          other.bus.onState((state) => {
            if (state === 'offline') disconnects += 1;
          });
          await send(400, 600);
          await until('all arrived', () => missing(600).length === 0);
          expect(other.got.length).toBeGreaterThan(before);
          expect(disconnects).toBe(0);
        });

        it('takes nothing that the dead node had subscribed to for itself', async () => {
          other.relay.cut();
          await until('it is noticed', () => other.bus.state === 'offline');
          await sender.publish({ topic: 'commands/x', payload: 'go' });
          await send(0, 20);
          await until('all is taken over', () => missing(20).length === 0, 30_000);
          expect(one.commands).toEqual(['go']);
        });
      });
  },
);
