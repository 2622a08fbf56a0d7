import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AedesBus, type AedesBusOptions } from '../../src/bus/bus.aedes.ts';
import type { MqttBus } from '../../src/bus/bus.mqtt.ts';
import type { Incoming } from '../../src/bus/bus.ts';
import { silentLog } from '../../src/support/log.ts';
import { Metrics } from '../../src/support/metrics.ts';
import { busContract } from '../contract/bus-contract.ts';
import { newMqttBus, notAborted, ownPresence } from '../support/bus.ts';
import { hasMosquitto, mosquittoPub, mosquittoSub } from '../support/mosquitto.ts';
import { bestMedianRoundTrip } from '../support/ping-pong.ts';
import { freePort } from '../support/ports.ts';
import { startRelay } from '../support/tcp-relay.ts';

const traits = { carriesProperties: false, tellsSubscriptions: true, canBeCut: false };

busContract('embedded, a foreign client', traits, async () => {
  const port = await freePort();
  const presence = ownPresence();
  const bus = newAedesBus({ listen: { host: '127.0.0.1', port }, presence });
  const peer = newMqttBus({ url: `mqtt://127.0.0.1:${port}`, protocol: '3.1.1' });
  // The other client can connect when the broker runs, and a contract wants it connected then.
  const start = bus.start.bind(bus);
  bus.start = async () => {
    await start();
    await peer.start(notAborted);
  };
  return { bus, presence, peer, close: () => peer.stop() };
});

describe('the embedded broker', () => {
  let bus: AedesBus;
  let peer: MqttBus;
  const alsoRunning: { stop(): Promise<void> }[] = [];

  beforeEach(async () => {
    bus = newAedesBus();
    await bus.start();
    peer = await startPeer();
  });

  afterEach(async () => {
    for (const running of alsoRunning.splice(0)) await running.stop();
    await bus.stop();
  });

  async function startPeer(options: Partial<Parameters<typeof newMqttBus>[0]> = {}): Promise<MqttBus> {
    const started = newMqttBus({ url: `mqtt://127.0.0.1:${bus.port}`, protocol: '3.1.1', ...options });
    alsoRunning.push(started);
    await started.start(notAborted);
    return started;
  }

  it('acknowledges to a client after our handlers, in the order of publishing', async () => {
    const seen = await collect(peer, 'mark');
    const finish: (() => void)[] = [];
    await bus.subscribe('work', () => new Promise((resolve) => finish.push(resolve)));
    const acknowledged: string[] = [];
    const publishing = ['a', 'b'].map((payload) =>
      peer.publish({ topic: 'work', payload }).then(() => acknowledged.push(payload)),
    );
    await expect.poll(() => finish.length).toBe(2);
    finish[1]?.();
    // On the same connection, so an acknowledgement sent before it would have come before it.
    await bus.publish({ topic: 'mark', payload: '' });
    await expect.poll(() => seen.length).toBe(1);
    expect(acknowledged).toEqual([]);
    finish[0]?.();
    await Promise.all(publishing);
    expect(acknowledged).toEqual(['a', 'b']);
  });

  it('disconnects a client whose message a handler rejects, and takes it when it is repeated', async () => {
    const others = await collect(await startPeer(), 'work');
    let calls = 0;
    await bus.subscribe('work', async () => {
      calls += 1;
      if (calls === 1) throw new Error('disk full');
    });
    const message = { topic: 'work', payload: 'x' };
    await expect(peer.publish(message)).rejects.toMatchObject({ code: 'BUS_OFFLINE' });
    expect(others).toEqual([]);
    await expect.poll(() => peer.state).toBe('online');
    await peer.publish(message);
    await expect.poll(() => others.length).toBe(1);
    expect(calls).toBe(2);
  });

  it('does not mind a handler that fails on a message at QoS 0', async () => {
    await bus.subscribe('work', async () => {
      throw new Error('no');
    });
    const others = await collect(peer, 'work');
    await peer.publish({ topic: 'work', payload: 'x', qos: 0 });
    await expect.poll(() => others.length).toBe(1);
    expect(peer.state).toBe('online');
  });

  it('hands the rejection of our handler to us when we publish', async () => {
    await bus.subscribe('work', async () => {
      throw new Error('disk full');
    });
    await expect(bus.publish({ topic: 'work', payload: 'x' })).rejects.toThrow('disk full');
  });

  it('keeps our properties on the way to our own handlers', async () => {
    const seen = await collect(bus, 'own');
    await bus.publish({ topic: 'own', payload: 'x', contentType: 'text/plain', properties: { id: 'e-1' } });
    expect(seen[0]).toMatchObject({ contentType: 'text/plain', properties: { id: 'e-1' } });
  });

  it('hands the last will of a client that vanishes to our handlers once, and to other clients', async () => {
    const relay = await startRelay(bus.port ?? 0);
    const presence = ownPresence();
    const ours = await collect(bus, presence.topic);
    const theirs = await collect(peer, presence.topic);
    await startPeer({ url: `mqtt://127.0.0.1:${relay.port}`, presence });
    relay.cut();
    for (const seen of [ours, theirs]) await expect.poll(() => texts(seen)).toEqual(['online', 'offline']);
    await alsoRunning.pop()?.stop();
    await relay.close();
  });

  it('keeps messages for a client with a session that is away', async () => {
    const clientId = `away-${randomUUID()}`;
    const first = await startPeer({ clientId });
    await collect(first, 'kept');
    await first.stop();
    await bus.publish({ topic: 'kept', payload: 'x' });
    const again = newMqttBus({ url: `mqtt://127.0.0.1:${bus.port}`, protocol: '3.1.1', clientId });
    alsoRunning.push(again);
    const seen = await collect(again, 'kept');
    await again.start(notAborted);
    await expect.poll(() => texts(seen)).toEqual(['x']);
  });

  it.each([
    ['nothing MQTT', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['500 odd bytes', Buffer.from(Uint8Array.from({ length: 500 }, (_, i) => (i * 89 + 41) % 256))],
    ['a message before any CONNECT', Buffer.from([0x30, 4, 0, 1, 0x61, 0x62])],
    // CONNECT that announces 200 MB.
    ['a packet over the limit', Buffer.from([0x10, 0x80, 0x80, 0x80, 0x64, 0, 4])],
  ])('hangs up on %s and serves on', async (_, bytes) => {
    const socket = connect(bus.port ?? 0, '127.0.0.1');
    socket.on('error', () => {});
    const hungUp = once(socket, 'close');
    socket.write(bytes);
    socket.resume();
    await hungUp;
    const seen = await collect(bus, 'still');
    await peer.publish({ topic: 'still', payload: 'here' });
    expect(texts(seen)).toEqual(['here']);
  });

  it('lets in who knows user and password, and nobody else', async () => {
    const guarded = newAedesBus({ credentials: { user: 'admin', password: 'secret' } });
    await guarded.start();
    alsoRunning.push(guarded);
    const url = `mqtt://127.0.0.1:${guarded.port}`;
    const right = await startPeer({ url, username: 'admin', password: 'secret' });
    expect(right.state).toBe('online');
    for (const login of [
      { username: 'admin', password: 'secre' },
      { username: 'root', password: 'secret' },
      {},
    ]) {
      const wrong = newMqttBus({ url, protocol: '3.1.1', ...login });
      const starting = wrong.start(notAborted);
      await expect.poll(() => wrong.problem?.code).toBe('BUS_REFUSED');
      await wrong.stop();
      await starting;
    }
  });

  it('does not listen to the world without a password', async () => {
    const open = newAedesBus({ listen: { host: '0.0.0.0', port: 0 } });
    await expect(open.start()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('open to everyone at 0.0.0.0'),
    });
    expect(open.state).toBe('offline');
  });

  it('says that its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const second = newAedesBus({ listen: { host: '127.0.0.1', port } });
    await expect(second.start()).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(`MQTT port ${port}`),
    });
    other.close();
  });

  it('can be started again after a stop, on the same port', async () => {
    const port = await freePort();
    const twice = newAedesBus({ listen: { host: '127.0.0.1', port } });
    for (let round = 0; round < 2; round += 1) {
      await twice.start();
      const idle = connect(port, '127.0.0.1');
      await once(idle, 'connect');
      await twice.stop();
      idle.destroy();
    }
    expect(twice.state).toBe('offline');
  });

  it('answers through a hop without the 40 ms stall', async () => {
    const caller = await startPeer();
    expect(await bestMedianRoundTrip(caller, peer)).toBeLessThan(20);
    expect(await bestMedianRoundTrip(caller, bus)).toBeLessThan(20);
  });

  describe.skipIf(!hasMosquitto)('with the C clients (needs mosquitto-clients)', () => {
    it('takes their messages and gives them ours', async () => {
      const broker = { port: bus.port ?? 0 };
      const seen = await collect(bus, 'c/in/+');
      const sub = await mosquittoSub(broker, ['-q', '1', '-t', 'c/out/#', '-v']);
      await mosquittoPub(broker, ['-q', '1', '-t', 'c/in/a', '-m', 'hello']);
      expect(texts(seen)).toEqual(['hello']);
      await bus.publish({ topic: 'c/out/b', payload: 'world' });
      await expect.poll(() => sub.lines).toEqual(['c/out/b world']);
      await sub.stop();
    });

    it('takes no message to the topics of the broker itself', async () => {
      const broker = { port: bus.port ?? 0 };
      const seen: Incoming[] = [];
      await bus.subscribe('$SYS/#', (message) => void seen.push(message));
      await expect(mosquittoPub(broker, ['-q', '1', '-t', '$SYS/x', '-m', 'x'])).rejects.toThrow(
        'mosquitto_pub failed',
      );
      expect(seen).toEqual([]);
    });
  });
});

function newAedesBus(options: Partial<AedesBusOptions> = {}): AedesBus {
  const listen = { host: '127.0.0.1', port: 0 };
  return new AedesBus({ listen, log: silentLog, metrics: new Metrics(), ...options });
}

async function collect(bus: Pick<AedesBus, 'subscribe'>, filter: string): Promise<Incoming[]> {
  const seen: Incoming[] = [];
  await bus.subscribe(filter, (message) => void seen.push(message));
  return seen;
}

function texts(messages: readonly Incoming[]): string[] {
  return messages.map(({ payload }) => Buffer.from(payload).toString());
}
