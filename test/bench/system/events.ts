import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { connectAsync, type MqttClient } from 'mqtt';
import type { FunctionSpec } from '../../../src/functions/spec.ts';
import type { Agent } from '../../support/agent.ts';
import { startMosquitto } from '../../support/mosquitto.ts';
import { echoSpecs, writeEchoes } from '../echoes.ts';
import { load, quantile } from '../measure.ts';
import { type Bench, type Row, show } from '../rows.ts';
import { deploy, remove, startShippedAgent } from './shipped-agent.ts';
import { end, kill } from './start.ts';

const warmUpMs = 700;
const measureMs = 2_000;
const ways = ['framed Node.js', 'mode: http', 'fork (cat)'];

export const eventsBench: Bench = {
  name: 'system-events',
  title: 'From an event to the result of a function',
  method:
    'A foreign MQTT client publishes 100 bytes at QoS 1; the agent puts the event on disk, acknowledges it, calls the function, ' +
    'puts the end and the result on disk and publishes the result; time until the client has it. So many events are on ' +
    'their way at once as the function may handle (`bramble.concurrency`; two warm workers at 8). TCP_NODELAY is set on both ' +
    'sides. Against a bare MQTT client that sends the message back and stores nothing.',
  async measure() {
    const folder = await writeEchoes();
    const broker = await startMosquitto();
    try {
      return [
        ...(await measureOn('Mosquitto', folder, broker.url)),
        ...(await measureOn('embedded', folder)),
      ];
    } finally {
      await broker.remove();
      await rm(folder, { recursive: true });
    }
  },
};

async function measureOn(broker: string, folder: string, url?: string): Promise<Row[]> {
  const agent = await startShippedAgent(url === undefined ? {} : { config: { mqtt: { url } } });
  const brokerUrl = url ?? `mqtt://127.0.0.1:${agent.brokerPort}`;
  const hop = await startHop(brokerUrl);
  const client = await openClient(brokerUrl);
  try {
    const rows: Row[] = [];
    for (const concurrency of [1, 8]) {
      const bare = await measure(() => client.send('bench/there', 'bench/back'), concurrency);
      const reference = { what: 'bare MQTT hop', value: bare.p50Ms };
      for (const way of ways) {
        const { p50Ms, also } = await measureWay(agent, client, { way, folder, concurrency });
        const isTargeted = way.startsWith('framed') && broker === 'Mosquitto' && concurrency === 1;
        rows.push({
          what: `${way}, ${broker}, ${concurrency} at once`,
          ours: p50Ms,
          unit: 'ms',
          also,
          reference,
          ...(isTargeted ? { target: { below: 4 } } : {}),
        });
      }
    }
    return rows;
  } finally {
    await client.close();
    await kill(hop);
    await end(agent);
  }
}

async function measureWay(
  agent: Agent,
  client: Client,
  { way, folder, concurrency }: { way: string; folder: string; concurrency: number },
) {
  const spec = echoSpecs(folder)[way];
  if (spec === undefined) throw new Error(`there is no way ${way}`);
  const topic = `bench/${spec.service}`;
  await deploy(agent, withTrigger(spec, { way, topic, concurrency }));
  const figures = await measure(
    () => client.send(topic, `bramble/pi-01/function/${spec.service}`),
    concurrency,
  );
  await remove(agent, spec.service);
  return figures;
}

function withTrigger(
  spec: FunctionSpec,
  { way, topic, concurrency }: { way: string; topic: string; concurrency: number },
): FunctionSpec {
  const workers = way.startsWith('framed') ? Math.min(concurrency, 2) : 1;
  return {
    ...spec,
    labels: { 'com.openfaas.scale.min': `${workers}` },
    annotations: { ...spec.annotations, topic, 'bramble.concurrency': `${concurrency}` },
  };
}

async function measure(send: () => Promise<void>, concurrency: number) {
  await load(send, { concurrency, durationMs: warmUpMs });
  const { tookMs, perSecond } = await load(send, { concurrency, durationMs: measureMs });
  const p99 = show(quantile(tookMs, 0.99), 'ms');
  return { p50Ms: quantile(tookMs, 0.5), also: `p99 ${p99}, ${show(perSecond, '/s')}` };
}

interface Client {
  /** Resolves when the message, or a result that holds it, has come on the other topic. */
  send(topic: string, answerTopic: string): Promise<void>;
  close(): Promise<void>;
}

async function openClient(url: string): Promise<Client> {
  const mqtt = await connectWithoutDelay(url);
  const waiting = new Map<string, () => void>();
  mqtt.on('message', (topic, payload) => {
    const text = payload.toString();
    const message = topic.startsWith('bramble/') ? String(JSON.parse(text).result) : text;
    const key = `${topic} ${message}`;
    waiting.get(key)?.();
    waiting.delete(key);
  });
  await mqtt.subscribeAsync(['bench/back', 'bramble/pi-01/function/+'], { qos: 1 });
  let count = 0;
  return {
    send(topic, answerTopic) {
      count += 1;
      const message = `${count}`.padEnd(100, '.');
      const answered = new Promise<void>((resolve) => waiting.set(`${answerTopic} ${message}`, resolve));
      mqtt.publish(topic, message, { qos: 1 });
      return answered;
    },
    close: () => mqtt.endAsync(),
  };
}

/** Else the acknowledgement of one message would hold the next one back for 40 ms. */
async function connectWithoutDelay(url: string): Promise<MqttClient> {
  const mqtt = await connectAsync(url);
  if ('setNoDelay' in mqtt.stream && typeof mqtt.stream.setNoDelay === 'function')
    mqtt.stream.setNoDelay(true);
  return mqtt;
}

/** In a process of its own, as the agent is. */
async function startHop(url: string): Promise<ChildProcess> {
  const hop = fileURLToPath(new URL('mqtt-hop.mjs', import.meta.url));
  const child = spawn(process.execPath, [hop, url], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}
