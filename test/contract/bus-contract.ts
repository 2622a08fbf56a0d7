import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Bus, BusState, Incoming, Presence } from '../../src/bus/bus.ts';

export interface BusUnderTest {
  /** Not started. */
  readonly bus: Bus;
  readonly presence: Presence;
  /** Another client of the same broker; may be the bus itself where there is no other. */
  readonly peer: Pick<Bus, 'publish' | 'subscribe'>;
  /** Breaks the connection and keeps it broken until `mend`; for buses that can be cut. */
  readonly connection?: { cut(): Promise<void>; mend(): Promise<void> };
  close(): Promise<void>;
}

/** What depends on the protocol and on where the broker is. */
export interface BusTraits {
  /** Are user properties and content types carried from `peer` to `bus`? */
  readonly carriesProperties: boolean;
  /** Is a message given to a group's handler by the group's subscription only? MQTT 3.1.1 cannot tell. */
  readonly tellsSubscriptions: boolean;
  /** Is there a connection that can break? */
  readonly canBeCut: boolean;
}

/** What every bus promises. Nothing may be retained at the presence topic of what `open` makes. */
export function busContract(kind: string, traits: BusTraits, open: () => Promise<BusUnderTest>): void {
  describe(`a bus (${kind})`, () => {
    let opened: BusUnderTest | undefined;
    /** Each test has topics of its own, because brokers keep messages. */
    let root = '';

    beforeEach(() => {
      root = `it-${randomUUID()}`;
    });

    afterEach(async () => {
      await opened?.bus.stop();
      await opened?.close();
      opened = undefined;
    });

    async function start(): Promise<BusUnderTest> {
      opened = await open();
      await opened.bus.start(new AbortController().signal);
      return opened;
    }

    it('hands a message to the handlers whose filters match, and to no other', async () => {
      const { bus, peer } = await start();
      const exact = await collect(bus, `${root}/hall/motion`);
      const oneLevel = await collect(bus, `${root}/+/motion`);
      const rest = await collect(bus, `${root}/#`);
      const other = await collect(bus, `${root}/+/temperature`);
      await peer.publish({ topic: `${root}/hall/motion`, payload: 'on' });
      await peer.publish({ topic: `${root}/end`, payload: '' });
      await expect.poll(() => rest.some(({ topic }) => topic === `${root}/end`)).toBe(true);
      for (const seen of [exact, oneLevel, rest]) expect(texts(seen)).toContain('on');
      expect(other).toEqual([]);
    });

    it('keeps the order of one publisher', async () => {
      const { bus, peer } = await start();
      const seen = await collect(bus, `${root}/order`);
      const sent = Array.from({ length: 300 }, (_, i) => String(i));
      await Promise.all(sent.map((payload) => peer.publish({ topic: `${root}/order`, payload })));
      await expect.poll(() => texts(seen)).toEqual(sent);
    });

    it('carries any bytes, at QoS 0 as well', async () => {
      const { bus, peer } = await start();
      const seen = await collect(bus, `${root}/bytes`);
      const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i % 256);
      await peer.publish({ topic: `${root}/bytes`, payload: bytes });
      await peer.publish({ topic: `${root}/bytes`, payload: bytes, qos: 0 });
      await expect.poll(() => seen.length).toBe(2);
      for (const { payload } of seen) expect(Buffer.compare(payload, bytes)).toBe(0);
    });

    it('gives a late subscriber the retained message, marked as such, and later ones as live', async () => {
      const { bus, peer } = await start();
      await peer.publish({ topic: `${root}/state`, payload: 'old', retain: true });
      await peer.publish({ topic: `${root}/state`, payload: 'new', retain: true });
      const seen = await collect(bus, `${root}/state`);
      await expect.poll(() => seen.length).toBe(1);
      await peer.publish({ topic: `${root}/state`, payload: 'live', retain: true });
      await expect.poll(() => seen.length).toBe(2);
      expect(texts(seen)).toEqual(['new', 'live']);
      expect(seen.map(({ retain }) => retain)).toEqual([true, false]);
    });

    it('gives the retained message to a second subscriber of the same filter', async () => {
      const { bus, peer } = await start();
      await peer.publish({ topic: `${root}/state2`, payload: 'kept', retain: true });
      await collect(bus, `${root}/state2`);
      const second = await collect(bus, `${root}/state2`);
      await expect.poll(() => texts(second)).toContain('kept');
    });

    it('forgets a retained message when an empty one is published', async () => {
      const { bus, peer } = await start();
      await peer.publish({ topic: `${root}/gone`, payload: 'x', retain: true });
      await peer.publish({ topic: `${root}/gone`, payload: '', retain: true });
      const seen = await collect(bus, `${root}/#`);
      await peer.publish({ topic: `${root}/mark`, payload: 'mark' });
      await expect.poll(() => texts(seen)).toEqual(['mark']);
    });

    it('gives each message to one member of a group, and no retained ones', async () => {
      const { bus, peer } = await start();
      await peer.publish({ topic: `${root}/job`, payload: 'retained', retain: true });
      const first = await collect(bus, `${root}/job`, 'crew');
      const second = await collect(bus, `${root}/job`, 'crew');
      const jobs = Array.from({ length: 20 }, (_, i) => String(i));
      for (const payload of jobs) await peer.publish({ topic: `${root}/job`, payload });
      await expect.poll(() => first.length + second.length).toBe(20);
      expect(texts([...first, ...second]).sort()).toEqual([...jobs].sort());
      expect(first.length).toBeGreaterThan(0);
      expect(second.length).toBeGreaterThan(0);
    });

    it('gives a message that two of our filters match to both handlers, and to a group once', async () => {
      const { bus, peer } = await start();
      const wide = await collect(bus, `${root}/#`);
      const narrow = await collect(bus, `${root}/both`);
      const group = await collect(bus, `${root}/+`, 'crew');
      await peer.publish({ topic: `${root}/both`, payload: 'x' });
      await peer.publish({ topic: `${root}/mark`, payload: 'mark' });
      await expect.poll(() => texts(group)).toContain('mark');
      await expect.poll(() => texts(wide)).toContain('mark');
      expect(texts(narrow)).toContain('x');
      expect(texts(wide)).toContain('x');
      if (traits.tellsSubscriptions) expect(texts(group)).toEqual(['x', 'mark']);
    });

    it('starts the handler of a later message while an earlier one is pending', async () => {
      const { bus, peer } = await start();
      const started: string[] = [];
      const first = promise();
      await bus.subscribe(`${root}/slow`, ({ payload }) => {
        started.push(textOf(payload));
        return started.length === 1 ? first.settled : undefined;
      });
      const publishing = Promise.all([
        peer.publish({ topic: `${root}/slow`, payload: 'a' }),
        peer.publish({ topic: `${root}/slow`, payload: 'b' }),
      ]);
      await expect.poll(() => started).toEqual(['a', 'b']);
      first.settle();
      await publishing;
    });

    it('lets a handler publish and wait for that', async () => {
      const { bus, peer } = await start();
      const answers = await collect(bus, `${root}/answer`);
      await bus.subscribe(`${root}/question`, () => bus.publish({ topic: `${root}/answer`, payload: '42' }));
      await peer.publish({ topic: `${root}/question`, payload: '?' });
      await expect.poll(() => texts(answers)).toEqual(['42']);
    });

    it('calls a handler no more after its subscription was ended', async () => {
      const { bus, peer } = await start();
      const seen: Incoming[] = [];
      const end = await bus.subscribe(`${root}/end`, (message) => void seen.push(message));
      const others = await collect(bus, `${root}/end`);
      await end();
      await end();
      await peer.publish({ topic: `${root}/end`, payload: 'x' });
      await expect.poll(() => others.length).toBe(1);
      expect(seen).toEqual([]);
    });

    it('carries properties and content type where the protocol can', async () => {
      const { bus, peer } = await start();
      const seen = await collect(bus, `${root}/props`);
      await peer.publish({
        topic: `${root}/props`,
        payload: '{}',
        contentType: 'application/json',
        properties: { id: 'e-1', source: 'bramble/pi-1' },
      });
      await expect.poll(() => seen.length).toBe(1);
      expect(seen[0]).toMatchObject(
        traits.carriesProperties
          ? { contentType: 'application/json', properties: { id: 'e-1', source: 'bramble/pi-1' } }
          : { contentType: undefined, properties: {} },
      );
    });

    it('refuses topics with wildcards and broken filters', async () => {
      const { bus } = await start();
      for (const topic of ['', 'a/+', 'a/#', '$SYS/x'])
        await expect(bus.publish({ topic, payload: 'x' })).rejects.toMatchObject({ code: 'INVALID' });
      for (const filter of ['', 'a/#/b', 'a+', '$share/crew/a'])
        await expect(bus.subscribe(filter, () => {})).rejects.toMatchObject({ code: 'INVALID' });
      expect(bus.state).toBe('online');
    });

    it('announces itself, retained, when it comes and when it goes', async () => {
      const { bus, peer, presence } = await start();
      const seen = await collect(peer, presence.topic);
      await expect.poll(() => texts(seen)).toEqual([presence.online]);
      await bus.stop();
      await expect.poll(() => texts(seen)).toEqual([presence.online, presence.offline]);
    });

    it('takes subscriptions before it is started', async () => {
      opened = await open();
      const { bus, peer } = opened;
      const seen = await collect(bus, `${root}/early`);
      await bus.start(new AbortController().signal);
      await peer.publish({ topic: `${root}/early`, payload: 'x' });
      await expect.poll(() => texts(seen)).toEqual(['x']);
    });

    it('tells its state at once and with each change, until asked no more', async () => {
      opened = await open();
      const { bus } = opened;
      const states: BusState[] = [];
      const ended: BusState[] = [];
      const end = bus.onState((state) => void ended.push(state));
      bus.onState((state) => void states.push(state));
      end();
      await bus.start(new AbortController().signal);
      await bus.stop();
      expect(states).toEqual(['offline', 'online', 'offline']);
      expect(ended).toEqual(['offline']);
    });

    it('rejects what is published before the start and after the stop', async () => {
      opened = await open();
      const { bus } = opened;
      const offline = { code: 'BUS_OFFLINE' };
      await expect(bus.publish({ topic: `${root}/x`, payload: 'x' })).rejects.toMatchObject(offline);
      await bus.start(new AbortController().signal);
      await bus.stop();
      await expect(bus.publish({ topic: `${root}/x`, payload: 'x' })).rejects.toMatchObject(offline);
    });

    if (traits.canBeCut)
      it('rejects publishing while cut off, and takes up its subscriptions afterwards', async () => {
        const { bus, peer, presence, connection } = await start();
        if (!connection) throw new TypeError('this kind needs a connection to cut');
        const seen = await collect(bus, `${root}/after`);
        await connection.cut();
        await expect.poll(() => bus.state).toBe('offline');
        await expect(bus.publish({ topic: `${root}/x`, payload: 'x' })).rejects.toMatchObject({
          code: 'BUS_OFFLINE',
        });
        await expect(bus.subscribe(`${root}/meanwhile`, () => {})).resolves.toBeTypeOf('function');
        await connection.mend();
        await expect.poll(() => bus.state).toBe('online');
        await bus.publish({ topic: `${root}/after`, payload: 'back' });
        await expect.poll(() => texts(seen)).toEqual(['back']);
        const status = await collect(peer, presence.topic);
        await expect.poll(() => texts(status).at(-1)).toBe(presence.online);
      });
  });
}

/** Subscribes for the rest of the test and fills the list that it resolves to. */
async function collect(bus: Pick<Bus, 'subscribe'>, filter: string, group?: string): Promise<Incoming[]> {
  const seen: Incoming[] = [];
  const end = await bus.subscribe(
    filter,
    (message) => void seen.push(message),
    group === undefined ? {} : { group },
  );
  onTestFinished(end);
  return seen;
}

function texts(messages: readonly Incoming[]): string[] {
  return messages.map(({ payload }) => textOf(payload));
}

function textOf(payload: Uint8Array): string {
  return Buffer.from(payload).toString();
}

function promise(): { settled: Promise<void>; settle: () => void } {
  let settle = () => {};
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { settled, settle };
}
