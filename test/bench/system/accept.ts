import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import type { Agent } from '../../support/agent.ts';
import { mosquittoPub, startMosquitto } from '../../support/mosquitto.ts';
import { until } from '../../support/wait.ts';
import { echoSpecs, writeEchoes } from '../echoes.ts';
import type { Bench, Row } from '../rows.ts';
import { deploy, request, startShippedAgent } from './shipped-agent.ts';
import { end } from './start.ts';

const publishers = 2;
const eventsEach = 20_000;
const events = publishers * eventsEach;
const topic = 'bench/accept';

export const acceptBench: Bench = {
  name: 'system-accept',
  title: 'Acceptance of events',
  method:
    `${publishers} foreign publishers (\`mosquitto_pub\`, QoS 1, at most 200 unacknowledged each) send ${events} events of ` +
    '200 bytes for a function that is scaled to 0, so that they are only taken in: until the last one is on the agent’s ' +
    'disk with its share for the function. Against a bare `mosquitto_sub` on Mosquitto, which stores nothing.',
  async measure() {
    const folder = await writeEchoes();
    const broker = await startMosquitto({ settings: ['max_queued_messages 0'] });
    try {
      const reference = { what: 'mosquitto_sub', value: await rateOfSubscriber(broker.port) };
      const target = { atLeast: 8_000 };
      const row = (name: string, ours: number): Row => ({ what: name, ours, unit: '/s', reference, target });
      return [
        row('Mosquitto', await rateOfAgent(folder, broker.url)),
        row('embedded broker', await rateOfAgent(folder)),
      ];
    } finally {
      await broker.remove();
      await rm(folder, { recursive: true });
    }
  },
};

async function rateOfAgent(folder: string, url?: string): Promise<number> {
  const agent = await startShippedAgent(url === undefined ? {} : { config: { mqtt: { url } } });
  try {
    const spec = echoSpecs(folder)['fork (cat)'];
    if (spec === undefined) throw new Error('there is no such echo');
    await deploy(agent, {
      ...spec,
      annotations: { ...spec.annotations, topic, 'bramble.queue.limit': `${2 * events}` },
    });
    await request(agent, `/system/scale-function/${spec.service}`, {
      method: 'POST',
      body: JSON.stringify({ serviceName: spec.service, replicas: 0 }),
    });
    const startMs = performance.now();
    const published = publish(url === undefined ? agent.brokerPort : Number(new URL(url).port));
    await until('all events are accepted', async () => (await accepted(agent)) >= events, 60_000);
    const rate = (1_000 * events) / (performance.now() - startMs);
    await published;
    return rate;
  } finally {
    await end(agent);
  }
}

async function accepted(agent: Agent): Promise<number> {
  const metrics = await (await request(agent, '/metrics')).text();
  return Number(/^bramble_events_total\{outcome="stored"\} (\d+)/m.exec(metrics)?.[1] ?? 0);
}

async function rateOfSubscriber(port: number): Promise<number> {
  await mosquittoPub({ port }, ['-t', 'bench/begin', '-r', '-m', 'subscribed']);
  const topics = ['-t', topic, '-t', 'bench/begin'];
  const subscriber = spawn('mosquitto_sub', ['-p', `${port}`, '-q', '1', '-C', `${events + 1}`, ...topics], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(subscriber, 'exit');
  await once(subscriber.stdout, 'data'); // the retained message: it has subscribed
  subscriber.stdout.resume();
  const startMs = performance.now();
  await publish(port);
  await exited;
  return (1_000 * events) / (performance.now() - startMs);
}

/** Resolves when every event was acknowledged. */
async function publish(port: number): Promise<void> {
  const args = ['-h', '127.0.0.1', '-p', `${port}`, '-q', '1', '-M', '200', '-t', topic, '-l'];
  const exits = Array.from({ length: publishers }, async () => {
    const publisher = spawn('mosquitto_pub', args, { stdio: ['pipe', 'ignore', 'inherit'] });
    const exited = once(publisher, 'exit');
    publisher.stdin.end(`${'x'.repeat(200)}\n`.repeat(eventsEach));
    const [status] = await exited;
    if (status !== 0) throw new Error(`mosquitto_pub ended with status ${status}`);
  });
  await Promise.all(exits);
}
