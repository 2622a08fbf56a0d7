import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Agent } from '../support/agent.ts';
import { busState, metric, outboxCount } from '../support/agent-metrics.ts';
import { deploy, deployRecorder, nodeHandler, type Recorded, send } from '../support/deployments.ts';
import { duringTest } from '../support/during-test.ts';
import type { Listening } from '../support/listener.ts';
import { hasMosquitto, type Mosquitto, mosquittoPub } from '../support/mosquitto.ts';
import type { TcpRelay } from '../support/tcp-relay.ts';
import { until } from '../support/wait.ts';

const note = hasMosquitto ? '' : ' (skipped: needs mosquitto and mosquitto-clients)';
const motionTopic = 'bramble/pi-01/motion/pir';
/** Of a warm function that ends when a file appears. */
const waiterCode = `
import { existsSync } from 'node:fs';
export default async ({ body }) => {
  while (!existsSync(process.env.gate)) await new Promise((resolve) => setTimeout(resolve, 10));
  return { passed: String(body) };
};
`;

type Protocol = 'auto' | '3.1.1';

/** An agent behind a wire that can be cut, so that others are at the broker before it comes back. */
interface Bench {
  readonly broker: Mosquitto;
  readonly relay: TcpRelay;
  readonly agent: Agent;
}

async function startBench(protocol: Protocol = 'auto'): Promise<Bench> {
  const broker = await duringTest.mosquitto({ login: { user: 'bramble', password: 'thorny' } });
  const relay = await duringTest.relay(broker.port);
  const agent = await duringTest.agent({ config: agentConfig(broker, relay, protocol) });
  return { broker, relay, agent };
}

function agentConfig(
  { login }: Mosquitto,
  { port }: TcpRelay,
  protocol: Protocol = 'auto',
): Record<string, unknown> {
  return {
    mqtt: { url: `mqtt://127.0.0.1:${port}`, username: login?.user, password: login?.password, protocol },
    // Nothing happens but what the test makes happen.
    climate: { enabled: false },
    motion: { holdMs: 0 },
    gauge: { sampleMs: 200, publishMs: 200 },
  };
}

/** Ends the broker as a power cut would, with all that it kept in memory. */
async function breakBroker({ broker, relay, agent }: Bench): Promise<void> {
  await broker.kill();
  relay.cut();
  await until('the agent has noticed', async () => (await busState(agent)) === 'offline');
}

/** The broker is back, and somebody listens to it before the agent does. */
async function mendBroker({ broker, relay }: Bench, filter = 'bramble/#'): Promise<Listening> {
  await broker.start();
  const listening = await duringTest.listener(broker, filter);
  relay.mend();
  return listening;
}

interface Produced {
  readonly isMotion: boolean;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Motion begins and ends before the PIR, so many changes; each is on disk before the next. */
async function produce(agent: Agent, count: number): Promise<Produced[]> {
  const produced: Produced[] = [];
  for (let i = 0; i < count; i += 1) {
    const isMotion = i % 2 === 0;
    const storedBefore = await outboxCount(agent);
    const fromMs = Date.now();
    await send(agent, 'POST', '/bramble/simulate', { motion: isMotion });
    await until('the event is on disk', async () => (await outboxCount(agent)) > storedBefore);
    produced.push({ isMotion, fromMs, untilMs: Date.now() });
  }
  return produced;
}

async function untilConfirmed(agent: Agent): Promise<void> {
  await until('all events are confirmed', async () => (await outboxCount(agent)) === 0);
}

/** Once each, in order, with the time at which they happened. */
function expectSame(recorded: readonly Recorded[], produced: readonly Produced[]): void {
  expect(recorded.map(({ body }) => JSON.parse(body).motion)).toEqual(
    produced.map(({ isMotion }) => isMotion),
  );
  expect(new Set(recorded.map(({ id }) => id)).size).toBe(produced.length);
  for (const [i, { fromMs, untilMs }] of produced.entries()) {
    const atMs = Date.parse(recorded[i]?.time ?? '');
    expect(atMs).toBeGreaterThanOrEqual(fromMs);
    expect(atMs).toBeLessThanOrEqual(untilMs);
  }
}

function publish(broker: Mosquitto, topic: string, text: string): Promise<void> {
  return mosquittoPub(broker, ['-q', '1', '-t', topic, '-m', text]);
}

describe.skipIf(!hasMosquitto)(`a broker that fails${note}`, () => {
  it.each<Protocol>(['auto', '3.1.1'])(
    'costs no event of a pin, nor its order and time (MQTT %s)',
    async (protocol) => {
      const bench = await startBench(protocol);
      const { agent } = bench;
      const recorded = await deployRecorder(agent, {
        service: 'witness',
        annotations: { topic: 'bramble/+/motion/+' },
      });
      await untilConfirmed(agent);
      const before = recorded().length;
      await breakBroker(bench);
      const produced = await produce(agent, 8);
      const heard = await mendBroker(bench);
      await until('the function has seen all', () => recorded().length >= before + 8);
      await untilConfirmed(agent);
      expectSame(recorded().slice(before), produced);
      const told = heard.heard(motionTopic).map(({ fields }) => fields.motion);
      expect(told.slice(0, 8)).toEqual(produced.map(({ isMotion }) => isMotion));
      const late = await duringTest.listener(bench.broker, motionTopic);
      await until('the state', () => late.last(motionTopic));
      expect(late.last(motionTopic)).toMatchObject({ isRetained: true, fields: { motion: false } });
    },
  );

  it('whose answers get lost makes no function run twice', async () => {
    const bench = await startBench();
    const { agent, relay, broker } = bench;
    const recorded = await deployRecorder(agent, {
      service: 'witness',
      annotations: { topic: 'bramble/+/motion/+' },
    });
    await untilConfirmed(agent);
    const before = recorded().length;
    const heard = await duringTest.listener(broker, motionTopic);
    const heardBefore = heard.heard().length;
    relay.holdAnswers();
    const produced = await produce(agent, 4);
    await until('the broker has all', () => heard.heard().length >= heardBefore + 4);
    relay.cut();
    relay.mend();
    await until('the function has seen all', () => recorded().length >= before + 4);
    await untilConfirmed(agent);
    expectSame(recorded().slice(before), produced);

    // What comes twice all the same is known by its id, and counted.
    const duplicates = () => metric(agent, 'bramble_events_total', { outcome: 'duplicate' });
    const duplicatesBefore = await duplicates();
    for (const id of ['knock-1', 'knock-1', 'knock-2']) {
      const attributes = ['-V', 'mqttv5', '-D', 'publish', 'user-property', 'id', id];
      await mosquittoPub(broker, [...attributes, '-q', '1', '-t', 'bramble/pi-09/motion/pir', '-m', '{}']);
    }
    await until('the last is handled', () => recorded().at(-1)?.id === 'knock-2');
    expect(await duplicates()).toBeGreaterThan(duplicatesBefore);
    expect(recorded().filter(({ id }) => id === 'knock-1')).toHaveLength(1);
  });

  it('does not stop the handling of a foreign event that was accepted before', async () => {
    const bench = await startBench();
    const { agent, broker } = bench;
    const gate = join(agent.folder, 'gate');
    await deploy(agent, {
      service: 'waiter',
      annotations: { ...nodeHandler(agent, 'waiter', waiterCode), topic: 'yard/+/gate' },
      envVars: { gate },
    });
    await publish(broker, 'yard/north/gate', 'open');
    await until('it is being handled', () => metric(agent, 'bramble_queue_in_flight'));
    await breakBroker(bench);
    writeFileSync(gate, '');
    await until('it is handled', () => metric(agent, 'bramble_deliveries_total', { outcome: 'done' }));
    const heard = await mendBroker(bench);
    const finished = await until('its result', () => heard.last('bramble/pi-01/function/waiter'));
    expect(finished.fields).toMatchObject({ ok: true, result: { passed: 'open' } });
    await untilConfirmed(agent);
  });

  it.each<Protocol>(['auto', '3.1.1'])(
    'gets all states and subscriptions back (MQTT %s)',
    async (protocol) => {
      const bench = await startBench(protocol);
      const { agent, broker } = bench;
      const recorded = await deployRecorder(agent, {
        service: 'witness',
        annotations: { topic: 'demo/#,bramble/+/motion/+' },
      });
      await untilConfirmed(agent);
      await publish(broker, 'demo/a', 'before');
      await until('a first event', () => recorded().at(-1)?.topic === 'demo/a');
      const before = recorded().length;
      const states = await until('all states', () => retainedStates(broker));
      await breakBroker(bench);
      await mendBroker(bench);
      await until('the same states', async () => {
        const now = await retainedStates(broker);
        return now !== undefined && [...states].every(([topic, text]) => isSameState(text, now.get(topic)));
      });
      await publish(broker, 'demo/b', 'after');
      await until('a second event', () => recorded().at(-1)?.topic === 'demo/b');
      // A state that is shown again is no event.
      expect(recorded().length).toBe(before + 1);
      const heard = await duringTest.listener(broker, 'bramble/pi-01/gauge');
      await publish(broker, 'bramble/pi-01/gauge/pixels/set', '{"view":"solid","red":1}');
      await until('the gauge obeys', () => heard.last('bramble/pi-01/gauge')?.fields.view === 'solid');
      expect(await metric(agent, 'bramble_bus_reconnects_total')).toBeGreaterThanOrEqual(1);
    },
  );

  it('that is not there yet keeps nobody from starting', async () => {
    const broker = await duringTest.mosquitto({ login: { user: 'bramble', password: 'thorny' } });
    const relay = await duringTest.relay(broker.port);
    await broker.kill();
    relay.cut();
    const agent = await duringTest.agent({ config: agentConfig(broker, relay) });
    const recorded = await deployRecorder(agent, {
      service: 'witness',
      annotations: { topic: 'bramble/+/motion/+' },
    });
    const produced = await produce(agent, 3);
    await mendBroker({ broker, relay, agent });
    await until('the function has seen all', () => recorded().length >= 4);
    // The first says that at the start nothing moved.
    expectSame(recorded().slice(1), produced);
  });
});

/** But for the mark of what was shown again. */
function isSameState(text: string, shownAgain: string | undefined): boolean {
  return shownAgain?.replace(',"restored":true}', '}') === text;
}

/** Every retained state but those that move by themselves; `undefined` while one of the expected kinds lacks. */
async function retainedStates(broker: Mosquitto): Promise<ReadonlyMap<string, string> | undefined> {
  const listening = await duringTest.listener(broker, '#');
  await mosquittoPub(broker, ['-t', 'end-of-what-is-retained', '-m', '']);
  await until('all that is retained', () => listening.last('end-of-what-is-retained'));
  const states = new Map(
    listening
      .heard()
      .filter(({ isRetained }) => isRetained)
      .map(({ topic, text }) => [topic, text]),
  );
  await listening.stop();
  const expected = [
    'bramble/pi-01/status',
    motionTopic,
    `${motionTopic}/status`,
    'bramble/pi-01/light/blinkt/state',
  ];
  const isDiscovered = [...states.keys()].some((topic) => topic.startsWith('homeassistant/'));
  const isMoving = (topic: string) => topic === 'bramble/pi-01/load' || topic === 'bramble/pi-01/gauge';
  if (!isDiscovered || !expected.every((topic) => states.has(topic))) return undefined;
  return new Map([...states].filter(([topic]) => !isMoving(topic)));
}
