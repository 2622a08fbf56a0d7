import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AedesBus } from '../../src/bus/bus.aedes.ts';
import type { MqttBus, MqttBusOptions } from '../../src/bus/bus.mqtt.ts';
import type { Bus, Incoming } from '../../src/bus/bus.ts';
import { silentLog } from '../../src/support/log.ts';
import { Metrics } from '../../src/support/metrics.ts';
import { newMqttBus, notAborted, ownPresence } from '../support/bus.ts';
import {
  hasMosquitto,
  type Mosquitto,
  mosquittoPub,
  mosquittoSub,
  startMosquitto,
} from '../support/mosquitto.ts';
import { bestMedianRoundTrip } from '../support/ping-pong.ts';
import { freePort } from '../support/ports.ts';
import { startRelay, type TcpRelay } from '../support/tcp-relay.ts';

describe.skipIf(!hasMosquitto)('an MQTT bus (needs the programs mosquitto and mosquitto-clients)', () => {
  let broker: Mosquitto;
  let relay: TcpRelay;
  let peer: MqttBus;
  const running: MqttBus[] = [];

  beforeAll(async () => {
    broker = await startMosquitto({ settings: ['max_inflight_messages 4'] });
  });

  beforeEach(async () => {
    relay = await startRelay(broker.port);
    peer = await start({ url: broker.url });
  });

  afterEach(async () => {
    relay.mend();
    for (const bus of running.splice(0)) await bus.stop();
    await relay.close();
  });

  afterAll(async () => {
    await broker?.remove();
  });

  async function start(options: Parameters<typeof newMqttBus>[0]): Promise<MqttBus> {
    const bus = newMqttBus(options);
    running.push(bus);
    await bus.start(notAborted);
    return bus;
  }

  /** Does not wait for the connection that will not come. */
  async function startInVain(options: Parameters<typeof newMqttBus>[0]): Promise<MqttBus> {
    const bus = newMqttBus(options);
    running.push(bus);
    void bus.start(notAborted);
    await expect.poll(() => bus.problem).toBeDefined();
    expect(bus.state).toBe('offline');
    return bus;
  }

  const throughRelay = (options: Partial<MqttBusOptions> = {}) =>
    start({ url: `mqtt://127.0.0.1:${relay.port}`, ...options });

  describe('when its connection breaks', () => {
    it('lets the broker say that it is offline, and says itself when it is back', async () => {
      const presence = ownPresence();
      const bus = await throughRelay({ presence });
      const seen = await collect(peer, presence.topic);
      await expect.poll(() => texts(seen)).toEqual(['online']);
      relay.cut();
      await expect.poll(() => texts(seen)).toEqual(['online', 'offline']);
      relay.mend();
      await expect.poll(() => texts(seen)).toEqual(['online', 'offline', 'online']);
      await expect.poll(() => bus.state).toBe('online');
    });

    it('rejects what the broker had not acknowledged, and does not send it later', async () => {
      const seen = await collect(peer, 'lost/#');
      const bus = await throughRelay();
      relay.holdAnswers();
      const publishing = expect(bus.publish({ topic: 'lost/a', payload: 'a' })).rejects.toMatchObject({
        code: 'BUS_OFFLINE',
      });
      await expect.poll(() => texts(seen)).toEqual(['a']);
      relay.cut();
      await publishing;
      relay.mend();
      await expect.poll(() => bus.state).toBe('online');
      await bus.publish({ topic: 'lost/b', payload: 'b' });
      await expect.poll(() => texts(seen)).toEqual(['a', 'b']);
    });

    it('gets what was published meanwhile, because the broker keeps its session', async () => {
      const bus = await throughRelay();
      const seen = await collect(bus, 'meanwhile');
      relay.cut();
      await expect.poll(() => bus.state).toBe('offline');
      await peer.publish({ topic: 'meanwhile', payload: 'x' });
      relay.mend();
      await expect.poll(() => texts(seen)).toEqual(['x']);
    });

    it('gets a message again whose handler had not ended, and acknowledges it on the new connection', async () => {
      const bus = await throughRelay();
      const seen: string[] = [];
      const never = new Promise<void>(() => {});
      await bus.subscribe('again', ({ payload }) => {
        seen.push(textOf(payload));
        return seen.length === 1 ? never : undefined;
      });
      await peer.publish({ topic: 'again', payload: 'x' });
      await expect.poll(() => seen).toEqual(['x']);
      relay.cut();
      await expect.poll(() => bus.state).toBe('offline');
      relay.mend();
      await expect.poll(() => seen).toEqual(['x', 'x']);
      await expect.poll(() => bus.state).toBe('online');
      // Comes after the acknowledgement on the same connection: when this one has arrived, so has that.
      await bus.publish({ topic: 'behind', payload: 'it' });
      relay.cut();
      await expect.poll(() => bus.state).toBe('offline');
      await peer.publish({ topic: 'again', payload: 'last' });
      relay.mend();
      await expect.poll(() => seen).toEqual(['x', 'x', 'last']);
    });

    it('has its subscriptions and its session after a restart of a broker that kept them', async () => {
      const keeping = await startMosquitto({ persistence: true });
      try {
        const presence = ownPresence();
        const bus = await start({ url: keeping.url, presence });
        const seen = await collect(bus, 'kept');
        await keeping.restart();
        await mosquittoPub(keeping, ['-q', '1', '-t', 'kept', '-m', 'x']);
        await expect.poll(() => texts(seen)).toEqual(['x']);
        await expect.poll(() => bus.state).toBe('online');
        const status = await collect(bus, presence.topic);
        await expect.poll(() => texts(status)).toEqual(['online']);
      } finally {
        await keeping.remove();
      }
    });
  });

  describe('acknowledging', () => {
    it('acknowledges in the order of arrival, and only what was handled', async () => {
      // Of 3.1.1 clients Mosquitto has four messages unacknowledged at most (see its settings above).
      const bus = await start({ url: broker.url, protocol: '3.1.1' });
      const started: string[] = [];
      const finish = new Map<string, () => void>();
      await bus.subscribe('jobs', ({ payload }) => {
        const job = textOf(payload);
        started.push(job);
        return new Promise((resolve) => finish.set(job, resolve));
      });
      const jobs = ['1', '2', '3', '4', '5', '6', '7', '8'];
      for (const job of jobs) await peer.publish({ topic: 'jobs', payload: job });
      await expect.poll(() => started).toEqual(jobs.slice(0, 4));
      finish.get('2')?.();
      finish.get('3')?.();
      // A message there and back: an acknowledgement written before it has had its effect.
      const mark = await collect(bus, 'mark');
      await bus.publish({ topic: 'mark', payload: '', qos: 0 });
      await expect.poll(() => mark.length).toBe(1);
      expect(started).toEqual(jobs.slice(0, 4));
      finish.get('1')?.();
      for (const job of jobs) {
        await expect.poll(() => started).toContain(job);
        finish.get(job)?.();
      }
      expect(started).toEqual(jobs);
    });

    it('gets a message again whose handler failed, and those after it', async () => {
      const bus = await start({ url: broker.url });
      const seen: string[] = [];
      await bus.subscribe('fail', async ({ payload }) => {
        seen.push(textOf(payload));
        if (seen.length === 1) throw new Error('disk full');
      });
      await peer.publish({ topic: 'fail', payload: 'a' });
      await peer.publish({ topic: 'fail', payload: 'b' });
      await expect.poll(() => seen).toEqual(['a', 'b', 'a', 'b']);
    });

    it('handles more messages at a time than the broker lets one client have unacknowledged elsewhere', async () => {
      const bus = await start({ url: broker.url, protocol: '5' });
      let open = 0;
      let most = 0;
      await bus.subscribe('many', async () => {
        open += 1;
        most = Math.max(most, open);
        await new Promise((resolve) => setImmediate(resolve));
        open -= 1;
      });
      const sent = Array.from({ length: 200 }, () => peer.publish({ topic: 'many', payload: 'x' }));
      await Promise.all(sent);
      await expect.poll(() => most).toBeGreaterThan(1);
    });
  });

  describe('groups', () => {
    it('share messages between nodes, whatever else the nodes listen to', async () => {
      const buses = [await start({ url: broker.url }), await start({ url: broker.url })];
      const tail: Incoming[] = [];
      const worked: Incoming[][] = [];
      for (const bus of buses) {
        await bus.subscribe('shared/#', (message) => void tail.push(message));
        worked.push(await collect(bus, 'shared/+', 'crew'));
      }
      const sent = Array.from({ length: 20 }, (_, i) => String(i));
      for (const payload of sent) await peer.publish({ topic: 'shared/job', payload });
      await expect.poll(() => tail.length).toBe(40);
      await expect.poll(() => texts(worked.flat()).sort()).toEqual([...sent].sort());
      for (const seen of worked) expect(seen.length).toBeGreaterThan(0);
    });

    it('share on MQTT 3.1.1 too, where the broker can', async () => {
      const buses = [];
      for (let i = 0; i < 2; i += 1)
        buses.push(await start({ url: broker.url, protocol: '3.1.1', presence: ownPresence() }));
      const worked: Incoming[][] = [];
      for (const bus of buses) worked.push(await collect(bus, 'shared311/+', 'crew'));
      const sent = Array.from({ length: 20 }, (_, i) => String(i));
      for (const payload of sent) await peer.publish({ topic: 'shared311/job', payload });
      await expect.poll(() => texts(worked.flat()).sort()).toEqual([...sent].sort());
      for (const seen of worked) expect(seen.length).toBeGreaterThan(0);
    });

    it('get every message from a broker that takes a shared subscription for a plain topic', async () => {
      const foreign = await startEmbedded();
      try {
        const bus = await start({ url: `mqtt://127.0.0.1:${foreign.port}`, presence: ownPresence() });
        const seen = await collect(bus, 'jobs/+', 'crew');
        await foreign.publish({ topic: 'jobs/a', payload: 'x' });
        await expect.poll(() => texts(seen)).toEqual(['x']);
      } finally {
        await foreign.stop();
      }
    });
  });

  describe('connecting', () => {
    it('goes on offline when there is no broker, and comes online when there is one', async () => {
      const port = await freePort();
      const bus = await start({ url: `mqtt://127.0.0.1:${port}` });
      expect(bus.state).toBe('offline');
      expect(bus.problem).toMatchObject({
        code: 'BUS_OFFLINE',
        message: expect.stringContaining(`127.0.0.1:${port} (ECONNREFUSED)`),
      });
      const late = await startMosquitto({ port });
      try {
        await expect.poll(() => bus.state).toBe('online');
        expect(bus.problem).toBeUndefined();
      } finally {
        await late.remove();
      }
    });

    it('says that the password is wrong, keeps trying, and takes the right one', async () => {
      const login = { user: 'node', password: 'right' };
      const guarded = await startMosquitto({ login });
      try {
        for (const protocol of ['5', '3.1.1'] as const) {
          const bus = await startInVain({
            url: guarded.url,
            username: 'node',
            password: 'wrong',
            protocol,
          });
          expect(bus.problem).toMatchObject({
            code: 'BUS_REFUSED',
            message: expect.stringContaining('refuses user node: check mqtt.username, mqtt.password'),
          });
          await expect(bus.publish({ topic: 'a', payload: '' })).rejects.toMatchObject({
            code: 'BUS_OFFLINE',
            message: expect.stringContaining('refuses user node'),
          });
        }
        const bus = await start({ url: guarded.url, username: 'node', password: 'right' });
        expect(bus.state).toBe('online');
      } finally {
        await guarded.remove();
      }
    });

    it('falls back to MQTT 3.1.1 where the broker has no 5', async () => {
      const foreign = await startEmbedded();
      try {
        const bus = await start({ url: `mqtt://127.0.0.1:${foreign.port}`, protocol: 'auto' });
        expect(bus.state).toBe('online');
        const refused = await startInVain({ url: `mqtt://127.0.0.1:${foreign.port}`, protocol: '5' });
        expect(refused.problem).toMatchObject({
          code: 'BUS_REFUSED',
          message: expect.stringContaining('set mqtt.protocol to auto'),
        });
      } finally {
        await foreign.stop();
      }
    });

    it('trusts the authority it was given, and no broker that it cannot check', async () => {
      const secure = await startMosquitto({ tls: true });
      try {
        const bus = await start({ url: secure.url, ca: secure.ca });
        const seen = await collect(bus, 'tls');
        await bus.publish({ topic: 'tls', payload: 'x' });
        await expect.poll(() => texts(seen)).toEqual(['x']);
        const blind = await startInVain({ url: secure.url });
        expect(blind.problem).toMatchObject({
          code: 'BUS_REFUSED',
          message: expect.stringContaining('set mqtt.caFile'),
        });
      } finally {
        await secure.remove();
      }
    });

    it('ends at once when the start is called off', async () => {
      const port = await freePort();
      const bus = newMqttBus({ url: `mqtt://127.0.0.1:${port}` });
      const calledOff = new AbortController();
      const starting = bus.start(calledOff.signal);
      calledOff.abort(new Error('enough'));
      await expect(starting).rejects.toThrow('enough');
      expect(bus.state).toBe('offline');
    });
  });

  it('counts connections and messages', async () => {
    const metrics = new Metrics();
    const bus = await throughRelay({ metrics });
    const seen = await collect(bus, 'counted');
    await bus.publish({ topic: 'counted', payload: 'x', qos: 0 });
    await expect.poll(() => seen.length).toBe(1);
    relay.cut();
    await expect.poll(() => bus.state).toBe('offline');
    expect(await metrics.render()).toContain('bramble_bus_connected 0');
    relay.mend();
    await expect.poll(() => bus.state).toBe('online');
    const text = await metrics.render();
    expect(text).toContain('bramble_bus_connected 1');
    expect(text).toContain('bramble_bus_reconnects_total 1');
    expect(text).toContain('bramble_bus_messages_total{direction="out"} 1');
    expect(text).toContain('bramble_bus_messages_total{direction="in"} 1');
  });

  it('understands the C clients and is understood by them', async () => {
    const bus = await start({ url: broker.url });
    const seen = await collect(bus, 'c/in');
    const sub = await mosquittoSub(broker, ['-V', '5', '-q', '1', '-t', 'c/out', '-F', '%t %C %P %p']);
    await mosquittoPub(broker, [
      ...['-V', '5', '-q', '1', '-t', 'c/in', '-m', '{"a":1}'],
      ...['-D', 'publish', 'content-type', 'application/json'],
      ...['-D', 'publish', 'user-property', 'id', 'e-1'],
    ]);
    await expect.poll(() => texts(seen)).toEqual(['{"a":1}']);
    expect(seen[0]).toMatchObject({ contentType: 'application/json', properties: { id: 'e-1' } });
    await bus.publish({ topic: 'c/out', payload: 'x', contentType: 'text/plain', properties: { id: 'e-2' } });
    await expect.poll(() => sub.lines).toEqual(['c/out text/plain id:e-2 x']);
    await sub.stop();
  });

  // With Nagle's algorithm on either end each hop waits for a delayed TCP ACK: the median is then 44 ms or 88 ms.
  it('answers through a hop without the 40 ms stall', async () => {
    const hop = await start({ url: broker.url });
    expect(await bestMedianRoundTrip(peer, hop)).toBeLessThan(20);
  });
});

async function startEmbedded(): Promise<AedesBus> {
  const bus = new AedesBus({
    listen: { host: '127.0.0.1', port: 0 },
    log: silentLog,
    metrics: new Metrics(),
  });
  await bus.start();
  return bus;
}

async function collect(bus: Bus, filter: string, group?: string): Promise<Incoming[]> {
  const seen: Incoming[] = [];
  await bus.subscribe(filter, (message) => void seen.push(message), group === undefined ? {} : { group });
  return seen;
}

function texts(messages: readonly Incoming[]): string[] {
  return messages.map(({ payload }) => textOf(payload));
}

function textOf(payload: Uint8Array): string {
  return Buffer.from(payload).toString();
}
