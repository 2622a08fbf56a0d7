import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { MqttBus } from '../../src/bus/bus.mqtt.ts';
import { SessionTakeover } from '../../src/bus/mqtt/session-takeover.ts';
import { topics } from '../../src/events/topics.ts';
import type { DeliverySettings } from '../../src/functions/settings.ts';
import { systemClock } from '../../src/support/clock.system.ts';
import { silentLog } from '../../src/support/log.ts';
import { Metrics } from '../../src/support/metrics.ts';
import { EventTrigger } from '../../src/triggers/on-event.ts';
import { newMqttBus, notAborted } from '../support/bus.ts';
import { hasMosquitto, type Mosquitto, startMosquitto } from '../support/mosquitto.ts';
import { startRelay, type TcpRelay } from '../support/tcp-relay.ts';
import { answer, buildEntry, type Rig, startRig } from '../support/triggers.ts';
import { until } from '../support/wait.ts';

describe.skipIf(!hasMosquitto)(
  'an event whose node dies (needs the programs mosquitto and mosquitto-clients)',
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
      readonly rig: Rig;
      readonly relay: TcpRelay;
      readonly bus: MqttBus;
    }

    async function startAgent(
      node: string,
      topic: string,
      acknowledge: DeliverySettings['acknowledge'],
    ): Promise<Agent> {
      const relay = await startRelay(broker.port);
      const clientIdOf = (name: string) => `acknowledge-${name}`;
      const bus = newMqttBus({
        url: `mqtt://127.0.0.1:${relay.port}`,
        clientId: clientIdOf(node),
        presence: { topic: topics.status(node), online: 'online', offline: 'offline' },
      });
      const rig = await startRig([buildEntry('fn', { topics: [topic], delivery: { acknowledge } })]);
      const shared = { bus, clock: systemClock, log: silentLog };
      const trigger = new EventTrigger({ ...rig, ...shared, newId: randomUUID });
      const takeover = new SessionTakeover({ ...shared, node, clientIdOf, metrics: new Metrics() });
      await trigger.start();
      await takeover.start();
      await bus.start(notAborted);
      cleanUps.push(
        () => relay.close(),
        () => bus.stop(),
        () => takeover.stop(),
        () => trigger.stop(),
      );
      return { rig, relay, bus };
    }

    /** Has an event reach a node that dies while its function works on it; returns what the other node has. */
    async function loseNode(acknowledge: DeliverySettings['acknowledge']): Promise<Rig> {
      const run = randomUUID();
      const topic = `work/${run}`;
      const dying = await startAgent(`z-${run}`, topic, acknowledge);
      dying.rig.functions.define('fn', () => new Promise(() => {}));
      const sender = newMqttBus({ url: broker.url });
      await sender.start(notAborted);
      cleanUps.push(() => sender.stop());
      await sender.publish({ topic, payload: 'x', properties: { id: 'event-1' } });
      await until('the function works on it', () => dying.rig.functions.calls.length === 1);

      const other = await startAgent(`a-${run}`, topic, acknowledge);
      other.rig.functions.define('fn', () => answer(200));
      dying.relay.cut();
      // A second event tells when the session has been taken over: both nodes get their share.
      await until('the node is gone', () => dying.bus.state === 'offline');
      for (let i = 0; i < 8; i += 1)
        await sender.publish({ topic, payload: 'y', properties: { id: `later-${i}` } });
      await until(
        'the session is taken over',
        () => {
          const seen = other.rig.functions.eventsOf('fn').filter((id) => id.startsWith('later'));
          return new Set(seen).size === 8;
        },
        30_000,
      );
      return other.rig;
    }

    it('is handled by another where its function has it kept until it is handled', async () => {
      const rig = await loseNode('handled');
      await until('it is handled', () => rig.functions.eventsOf('fn').includes('event-1'));
    });

    it('waits on the dead node’s disk where it is not', async () => {
      const rig = await loseNode('stored');
      expect(rig.functions.eventsOf('fn')).not.toContain('event-1');
    });
  },
);
