import type { Packet } from 'mqtt-packet';
import { afterEach, describe, expect, it } from 'vitest';
import type { MqttBus } from '../../../src/bus/bus.mqtt.ts';
import { newMqttBus, notAborted } from '../../support/bus.ts';
import {
  accepted,
  obligingly,
  type ScriptedBroker,
  type ScriptedConnection,
  startScriptedBroker,
} from '../../support/scripted-broker.ts';

describe('an MQTT bus', () => {
  let broker: ScriptedBroker;
  let bus: MqttBus | undefined;

  afterEach(async () => {
    await bus?.stop();
    bus = undefined;
    await broker.close();
  });

  async function open(
    answer: Parameters<typeof startScriptedBroker>[0],
    options: Partial<Parameters<typeof newMqttBus>[0]> = {},
  ): Promise<MqttBus> {
    broker = await startScriptedBroker(answer);
    bus = newMqttBus({ url: broker.url, ...options });
    return bus;
  }

  async function start(...args: Parameters<typeof open>): Promise<MqttBus> {
    const opened = await open(...args);
    await opened.start(notAborted);
    return opened;
  }

  const refusing = (connack: object) => (_: Packet, connection: ScriptedConnection) =>
    connection.send({ cmd: 'connack', sessionPresent: false, ...connack });
  const allowing = (properties: object) => (_: Packet, connection: ScriptedConnection) =>
    connection.send({ cmd: 'connack', sessionPresent: false, ...accepted(connection), properties });

  describe('asks for a session', () => {
    it('that lasts a week and has a bounded number of unacknowledged messages', async () => {
      await start(obligingly(), { clientId: 'pi-1', username: 'u', password: 'p' });
      expect(broker.connections[0]?.packets[0]).toMatchObject({
        clientId: 'pi-1',
        username: 'u',
        clean: false,
        protocolVersion: 5,
        properties: { sessionExpiryInterval: 604_800, receiveMaximum: 256 },
      });
    });

    it('with a last will', async () => {
      const presence = { topic: 'bramble/pi-1/status', online: 'online', offline: 'offline' };
      await start(obligingly(), { presence });
      const [connect, birth] = broker.connections[0]?.packets ?? [];
      expect(connect).toMatchObject({
        will: { topic: presence.topic, payload: Buffer.from('offline'), qos: 1, retain: true },
      });
      expect(birth).toMatchObject({
        topic: presence.topic,
        payload: Buffer.from('online'),
        qos: 1,
        retain: true,
      });
    });
  });

  it('hears the rest while a broker without a window hands it more than is handled', async () => {
    const bus = await open(obligingly());
    let taken = 0;
    await bus.subscribe('work/#', () => {
      taken += 1;
      return new Promise(() => {}); // until a slow function is done with it
    });
    const news: string[] = [];
    await bus.subscribe('news', ({ payload }) => void news.push(Buffer.from(payload).toString()));
    await bus.start(notAborted);
    const [connection] = broker.connections;
    const publish = (topic: string, messageId: number) =>
      connection?.send({
        ...{ cmd: 'publish', topic, payload: 'x', qos: 1, messageId, dup: false, retain: false },
      });
    for (let i = 1; i <= 3_000; i += 1) publish(`work/${i}`, i);
    publish('news', 3_001);
    await expect.poll(() => news).toEqual(['x']);
    expect(taken).toBe(3_000);
  });

  describe('with an old broker', () => {
    it('takes MQTT 3.1.1 at once when 5 is refused, and from then on', async () => {
      const bus = await start(
        obligingly({
          connect: (packet, connection) =>
            connection.level === 5
              ? refusing({ reasonCode: 132 })(packet, connection)
              : allowing({})(packet, connection),
        }),
      );
      expect(bus.state).toBe('online');
      expect(broker.connections.map(({ level }) => level)).toEqual([5, 4]);
      broker.connections[1]?.hangUp();
      await expect.poll(() => bus.state).toBe('offline');
      await expect.poll(() => bus.state).toBe('online');
      expect(broker.connections.map(({ level }) => level)).toEqual([5, 4, 4]);
    });

    it('tries MQTT 3.1.1 after one has hung up on MQTT 5 without a word', async () => {
      const bus = await start(
        obligingly({
          connect: (packet, connection) =>
            connection.level === 5 ? connection.hangUp() : allowing({})(packet, connection),
        }),
      );
      expect(bus.state).toBe('online');
      expect(broker.connections.map(({ level }) => level)).toEqual([5, 4]);
    });

    it('stays with MQTT 5 where it has worked, though a connection ends early', async () => {
      let connects = 0;
      const bus = await start(
        obligingly({
          connect: (packet, connection) => {
            connects += 1;
            if (connects === 2) connection.hangUp();
            else allowing({})(packet, connection);
          },
        }),
      );
      broker.connections[0]?.hangUp();
      await expect.poll(() => broker.connections.length).toBe(3);
      await expect.poll(() => bus.state).toBe('online');
      expect(broker.connections.map(({ level }) => level)).toEqual([5, 5, 5]);
    });
  });

  describe('acknowledging', () => {
    it('sends acknowledgements in the order of arrival, when the handlers have ended', async () => {
      const bus = await start(obligingly());
      const finish = new Map<string, () => void>();
      await bus.subscribe('a/#', ({ topic }) => new Promise((resolve) => finish.set(topic, resolve)));
      const [connection] = broker.connections;
      for (const messageId of [11, 12, 13]) connection?.send(publish(`a/${messageId}`, messageId));
      await expect.poll(() => finish.size).toBe(3);
      finish.get('a/12')?.();
      await roundTrip(bus);
      expect(acknowledged(connection)).toEqual([]);
      finish.get('a/11')?.();
      await expect.poll(() => acknowledged(connection)).toEqual([11, 12]);
      finish.get('a/13')?.();
      await expect.poll(() => acknowledged(connection)).toEqual([11, 12, 13]);
    });

    it('acknowledges what nobody wants', async () => {
      await start(obligingly());
      broker.connections[0]?.send(publish('unwanted', 7));
      await expect.poll(() => acknowledged(broker.connections[0])).toEqual([7]);
    });

    it('never acknowledges on another connection than the one a message came by', async () => {
      const bus = await start(obligingly());
      let finish = () => {};
      await bus.subscribe(
        'a',
        () =>
          new Promise<void>((resolve) => {
            finish = resolve;
          }),
      );
      broker.connections[0]?.send(publish('a', 21));
      await roundTrip(bus);
      broker.connections[0]?.hangUp();
      await expect.poll(() => broker.connections.length).toBe(2);
      await expect.poll(() => bus.state).toBe('online');
      finish();
      await roundTrip(bus);
      expect(acknowledged(broker.connections[1])).toEqual([]);
    });

    it('runs the handlers of the subscriptions that the broker names, and no others', async () => {
      const bus = await start(obligingly());
      const seen: string[] = [];
      await bus.subscribe('a/#', () => void seen.push('wide'));
      await bus.subscribe('a/+', () => void seen.push('crew'), { group: 'crew' });
      const wide = subscriptions(broker.connections[0])[0];
      broker.connections[0]?.send({
        ...publish('a/b', 1),
        properties: { subscriptionIdentifier: wide?.id ?? 0 },
      });
      await expect.poll(() => acknowledged(broker.connections[0])).toEqual([1]);
      expect(seen).toEqual(['wide']);
    });
  });

  describe('subscribing', () => {
    it('rejects with what the broker says, and forgets the subscription', async () => {
      const refuse = (packet: Packet, connection: ScriptedConnection) =>
        connection.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [135] });
      const bus = await start(obligingly({ subscribe: refuse }));
      await expect(bus.subscribe('secret/#', () => {})).rejects.toMatchObject({
        code: 'BUS_REFUSED',
        message: expect.stringContaining('secret/#'),
      });
      broker.connections[0]?.hangUp();
      await expect.poll(() => broker.connections.length).toBe(2);
      await expect.poll(() => bus.state).toBe('online');
      expect(subscriptions(broker.connections[1])).toEqual([]);
    });

    it('uses a shared subscription for a group', async () => {
      const bus = await start(obligingly());
      await bus.subscribe('a/+', () => {}, { group: 'crew' });
      expect(subscriptions(broker.connections[0])).toMatchObject([{ topic: '$share/crew/a/+', qos: 1 }]);
    });

    it('uses a plain one where the broker has no shared ones', async () => {
      const bus = await start(obligingly({ connect: allowing({ sharedSubscriptionAvailable: false }) }));
      await bus.subscribe('a/+', () => {}, { group: 'crew' });
      expect(subscriptions(broker.connections[0])).toMatchObject([{ topic: 'a/+' }]);
    });

    it('uses a plain one where a shared one is refused', async () => {
      const bus = await start(
        obligingly({
          subscribe: (packet, connection) => {
            const isShared =
              packet.cmd === 'subscribe' && packet.subscriptions[0]?.topic.startsWith('$share/');
            connection.send({
              cmd: 'suback',
              messageId: packet.messageId ?? 0,
              granted: [isShared ? 158 : 1],
            });
          },
        }),
      );
      await bus.subscribe('a/+', () => {}, { group: 'crew' });
      expect(subscriptions(broker.connections[0]).map(({ topic }) => topic)).toEqual([
        '$share/crew/a/+',
        'a/+',
      ]);
    });

    it('names a subscription the same in every run, for the broker keeps the name', async () => {
      const ids: number[] = [];
      for (const filters of [['a', 'b'], ['b']]) {
        const bus = await start(obligingly());
        for (const filter of filters) await bus.subscribe(filter, () => {});
        ids.push(subscriptions(broker.connections[0]).find(({ topic }) => topic === 'b')?.id ?? 0);
        await bus.stop();
        await broker.close();
      }
      expect(ids[0]).toBeGreaterThan(0);
      expect(ids[1]).toBe(ids[0]);
    });

    it('takes back with the next connection what was given up while there was none', async () => {
      const bus = await start(obligingly());
      const end = await bus.subscribe('a', () => {});
      await bus.subscribe('b', () => {});
      broker.connections[0]?.hangUp();
      await expect.poll(() => bus.state).toBe('offline');
      await end();
      await expect.poll(() => bus.state).toBe('online');
      const second = broker.connections[1];
      expect(second?.packets.filter(({ cmd }) => cmd === 'unsubscribe')).toMatchObject([
        { unsubscriptions: ['a'] },
      ]);
      expect(subscriptions(second).map(({ topic }) => topic)).toEqual(['b']);
    });

    it('keeps a subscription at the broker while another handler needs it', async () => {
      const bus = await start(obligingly());
      const ends = [await bus.subscribe('a', () => {}), await bus.subscribe('a', () => {})];
      await ends[0]?.();
      await roundTrip(bus);
      const given = () => broker.connections[0]?.packets.filter(({ cmd }) => cmd === 'unsubscribe').length;
      expect(given()).toBe(0);
      await ends[1]?.();
      expect(given()).toBe(1);
    });
  });

  describe('publishing', () => {
    it.each([
      [135, 'BUS_REFUSED'],
      [151, 'BUSY'],
    ])('tells a refusal by the broker (%d)', async (reasonCode, code) => {
      const bus = await start(
        obligingly({
          publish: ({ messageId }, connection) =>
            connection.send({ cmd: 'puback', messageId: messageId ?? 0, reasonCode }),
        }),
      );
      await expect(bus.publish({ topic: 'a', payload: '' })).rejects.toMatchObject({ code });
      expect(bus.state).toBe('online');
    });

    it('refuses a message over the size that the broker takes, instead of being hung up on', async () => {
      const bus = await start(obligingly({ connect: allowing({ maximumPacketSize: 100 }) }));
      await expect(bus.publish({ topic: 'a', payload: Buffer.alloc(100) })).rejects.toMatchObject({
        code: 'BUS_REFUSED',
        message: expect.stringContaining("over the broker's limit of 100 bytes"),
      });
      await bus.publish({ topic: 'a', payload: Buffer.alloc(50) });
    });

    it('has no more messages on their way than the broker allows', async () => {
      const unanswered: number[] = [];
      const bus = await start(
        obligingly({
          connect: allowing({ receiveMaximum: 2 }),
          publish: ({ messageId }) => void unanswered.push(messageId ?? 0),
        }),
      );
      const publishing = Promise.all(['1', '2', '3'].map((payload) => bus.publish({ topic: 'a', payload })));
      await expect.poll(() => unanswered.length).toBe(2);
      await bus.subscribe('mark', () => {});
      expect(unanswered.length).toBe(2);
      for (let i = 0; i < 3; i += 1) {
        await expect.poll(() => unanswered.length).toBeGreaterThan(i);
        broker.connections[0]?.send({ cmd: 'puback', messageId: unanswered[i] ?? 0 });
      }
      await publishing;
    });

    it('rejects at the end of the connection what is on its way and what waits', async () => {
      const bus = await start(
        obligingly({
          connect: allowing({ receiveMaximum: 1 }),
          publish: (_, connection) => connection.hangUp(),
        }),
      );
      const outcomes = await Promise.allSettled(
        ['1', '2'].map((payload) => bus.publish({ topic: 'a', payload })),
      );
      expect(outcomes).toMatchObject([
        { status: 'rejected', reason: { code: 'BUS_OFFLINE' } },
        { status: 'rejected', reason: { code: 'BUS_OFFLINE' } },
      ]);
    });
  });

  it.each([
    ['5', { reasonCode: 135 }, 'BUS_REFUSED', 'clients without a user name'],
    ['5', { reasonCode: 133 }, 'BUS_REFUSED', 'give the node another name'],
    ['5', { reasonCode: 136 }, 'BUS_OFFLINE', 'takes no connections now'],
    ['3.1.1', { returnCode: 4 }, 'BUS_REFUSED', 'check mqtt.username'],
    ['3.1.1', { returnCode: 3 }, 'BUS_OFFLINE', 'takes no connections now'],
  ] as const)('explains a refused connection: MQTT %s, %o', async (protocol, connack, code, words) => {
    const bus = await open(obligingly({ connect: refusing(connack) }), { protocol });
    void bus.start(notAborted);
    await expect.poll(() => bus.problem).toMatchObject({ code, message: expect.stringContaining(words) });
    await expect.poll(() => broker.connections.length).toBeGreaterThan(1);
  });

  it('refuses an address that is none', async () => {
    broker = await startScriptedBroker(obligingly());
    await expect(newMqttBus({ url: 'nonsense' }).start(notAborted)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});

function publish(topic: string, messageId: number) {
  return {
    cmd: 'publish' as const,
    topic,
    messageId,
    payload: 'x',
    qos: 1 as const,
    retain: false,
    dup: false,
  };
}

function acknowledged(connection: ScriptedConnection | undefined): (number | undefined)[] {
  return (connection?.packets ?? []).filter(({ cmd }) => cmd === 'puback').map(({ messageId }) => messageId);
}

function subscriptions(connection: ScriptedConnection | undefined) {
  return (connection?.packets ?? []).flatMap((packet) =>
    packet.cmd === 'subscribe'
      ? packet.subscriptions.map((each) => ({ ...each, id: packet.properties?.subscriptionIdentifier }))
      : [],
  );
}

/** When it has resolved, everything that we wrote before has arrived. */
async function roundTrip(bus: MqttBus): Promise<void> {
  await bus.publish({ topic: 'round-trip', payload: '' });
}
