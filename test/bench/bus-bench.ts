import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'mqtt';
import { AedesBus } from '../../src/bus/bus.aedes.ts';
import type { Bus } from '../../src/bus/bus.ts';
import { silentLog } from '../../src/support/log.ts';
import { Metrics } from '../../src/support/metrics.ts';
import { newMqttBus, notAborted } from '../support/bus.ts';
import { startMosquitto } from '../support/mosquitto.ts';
import type { Bench } from './rows.ts';

const topic = 'bench/accept';
const payload = 'x'.repeat(200);
/** What a commit to disk takes on a slow disk; all messages that wait for it share one. */
const commitMs = 2;
const messages = 20_000;
const messagesOneByOne = 1_000;

export const busBench: Bench = {
  name: 'bus',
  title: 'Messages through a broker to their acceptance',
  method:
    `Messages that \`mosquitto_pub\` sends at QoS 1, each acknowledged when a commit that takes ${commitMs} ms is done; ` +
    'those that wait for it share it. Against the MQTT library’s own way, to handle one message at a time.',
  async measure() {
    const broker = await startMosquitto({ settings: ['max_queued_messages 0'] });
    try {
      const oneByOne = await rateOneByOne(broker.port);
      const mosquitto = await rateOf(newMqttBus({ url: broker.url }), () => broker.port);
      const embedded = new AedesBus({
        listen: { host: '127.0.0.1', port: 0 },
        log: silentLog,
        metrics: new Metrics(),
      });
      const aedes = await rateOf(embedded, () => embedded.port ?? 0);
      const reference = { what: 'Mosquitto, one at a time', value: oneByOne };
      return [
        { what: 'Mosquitto', ours: mosquitto, unit: '/s', reference },
        { what: 'embedded broker', ours: aedes, unit: '/s', reference },
      ];
    } finally {
      await broker.remove();
    }
  },
};

async function rateOf(bus: Bus, port: () => number): Promise<number> {
  const disk = startDisk();
  await bus.start(notAborted);
  await bus.subscribe(topic, () => disk.commit());
  const rate = await measure(port(), messages, disk);
  await bus.stop();
  disk.stop();
  return rate;
}

async function rateOneByOne(port: number): Promise<number> {
  const disk = startDisk();
  const client = connect(`mqtt://127.0.0.1:${port}`);
  client.handleMessage = (_packet, done) => void disk.commit().then(() => done());
  await client.subscribeAsync(topic, { qos: 1 });
  const rate = await measure(port, messagesOneByOne, disk);
  await client.endAsync();
  disk.stop();
  return rate;
}

/** From the start of the publisher to the commit of its last message. */
async function measure(port: number, count: number, disk: Disk): Promise<number> {
  const publisher = spawn(
    'mosquitto_pub',
    ['-h', '127.0.0.1', '-p', String(port), '-q', '1', '-M', '200', '-t', topic, '-l'],
    {
      stdio: ['pipe', 'ignore', 'inherit'],
    },
  );
  const sinceMs = performance.now();
  publisher.stdin.end(`${payload}\n`.repeat(count));
  await disk.committed(count);
  const seconds = (performance.now() - sinceMs) / 1000;
  if (publisher.exitCode === null) await once(publisher, 'exit');
  return count / seconds;
}

interface Disk {
  commit(): Promise<void>;
  /** Resolves when so many commits were asked for and made. */
  committed(count: number): Promise<void>;
  stop(): void;
}

function startDisk(): Disk {
  let waiting: (() => void)[] = [];
  let total = 0;
  let target = { count: Number.POSITIVE_INFINITY, reached: () => {} };
  const timer = setInterval(() => {
    const batch = waiting;
    waiting = [];
    total += batch.length;
    for (const resolve of batch) resolve();
    if (total >= target.count) target.reached();
  }, commitMs);
  return {
    commit: () => new Promise((resolve) => waiting.push(resolve)),
    committed: (count) =>
      new Promise((reached) => {
        target = { count, reached };
      }),
    stop: () => clearInterval(timer),
  };
}
