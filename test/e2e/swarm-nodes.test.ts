import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import type { MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BrambleSwarm, openBrambleSwarm } from '../support/docker/bramble-swarm.ts';
import { whyNoDocker } from '../support/docker/docker.ts';
import { until } from '../support/wait.ts';

const noScaling = { 'com.openfaas.scale.factor': '0' };
const amount = 500;

/** Node 1 is the only manager, node 2 keeps the broker, node 3 has nothing of its own. */
describe.skipIf(whyNoDocker() !== '')(`Bramble on a Swarm of three nodes${whyNoDocker()}`, () => {
  let bramble: BrambleSwarm;
  let client: MqttClient;
  /** Bodies that the function `count` was called with. */
  const told: string[] = [];
  const listener = createServer(async (request, response) => {
    told.push(await text(request));
    response.end();
  });

  beforeAll(async () => {
    bramble = await openBrambleSwarm({ nodes: 3, broker: 1 });
    const port = await new Promise<number>((resolve) => {
      listener.listen(0, () => {
        const address = listener.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const deployed = await bramble.deploy({
      count: {
        labels: { ...noScaling, 'com.openfaas.scale.min': '3' },
        environment: { TELL: `http://${bramble.swarm.hostAddress}:${port}/` },
        annotations: {
          topic: 'numbers',
          'bramble.acknowledge': 'handled',
          'com.openfaas.retry.attempts': '20',
        },
      },
    });
    expect(deployed).toMatchObject({ exit: 0 });
    client = await bramble.connect();
  });
  afterAll(async () => {
    await bramble?.stop();
    listener.close();
  });

  const isReady = async (node: number) => {
    const response = await bramble.call(node, '/system/function/count');
    return response.ok && (await response.text()).includes('"availableReplicas":3');
  };
  const placed = async () => {
    const { docker } = bramble.swarm.node(0);
    return (
      await docker('service', 'ps', 'count', '--filter', 'desired-state=running', '--format', '{{.Node}}')
    )
      .split('\n')
      .sort();
  };

  it('a function is on every node, and every agent serves it and manages it', async () => {
    await until('three replicas', () => isReady(2));
    expect(await placed()).toEqual(['node-1', 'node-2', 'node-3']);
    for (const node of [0, 1, 2]) {
      await until(
        'this agent serves it',
        async () => (await bramble.call(node, '/function/count/env?TELL')).ok,
      );
      expect(await isReady(node)).toBe(true);
    }
  });

  it('no event is lost when the power of a worker is cut under load', async () => {
    told.length = 0;
    const numbers = Array.from({ length: amount }, (_, i) => `number ${i}`);
    const publishing = publishAll(numbers);
    await until('some were handled', () => told.length > amount / 5);
    const cutAt = performance.now();
    await bramble.swarm.kill(2);
    await publishing;
    await until('all were handled', () => new Set(told).size === amount, 90_000);
    const seconds = ((performance.now() - cutAt) / 1000).toFixed(1);
    console.log(`all handled ${seconds} s after the cut, ${told.length - amount} of ${amount} twice`);
    expect([...new Set(told)].sort()).toEqual(numbers.sort());
    await until('its replica is placed elsewhere', async () => !(await placed()).includes('node-3'), 60_000);
    await until('three replicas', () => isReady(1), 60_000);
  });

  it('with no manager left, calls and events go on, and managing is refused with the reason', async () => {
    await bramble.swarm.kill(0);
    const calls = Array.from(
      { length: 20 },
      async () => (await bramble.call(1, '/function/count/env?TELL')).status,
    );
    expect(new Set(await Promise.all(calls))).toEqual(new Set([200]));
    told.length = 0;
    await client.publishAsync('numbers', 'without a manager', { qos: 1 });
    const sentAt = performance.now();
    await until('the event was handled', () => told.includes('without a manager'), 60_000);
    console.log(`handled without a manager after ${Math.round(performance.now() - sentAt)} ms`);
    const refuses = async () => {
      const headers = { 'content-type': 'application/json' };
      const body = '{"functionName":"count"}';
      const { status, headers: told } = await bramble.call(1, '/system/functions', {
        method: 'DELETE',
        headers,
        body,
      });
      expect([502, 503]).toContain(status); // 502: it was on its way to the manager when that was cut off
      return status === 503 && told.get('x-bramble-error') === 'CONTROL_OFFLINE';
    };
    await until('the agent knows that there is no manager', refuses, 90_000);
    expect((await bramble.call(1, '/function/count/env?TELL')).status).toBe(200);
  });

  /** Twenty on their way at once. */
  async function publishAll(payloads: readonly string[]): Promise<void> {
    const rest = [...payloads];
    const publish = async () => {
      for (let next = rest.shift(); next !== undefined; next = rest.shift())
        await client.publishAsync('numbers', next, { qos: 1 });
    };
    await Promise.all(Array.from({ length: 20 }, publish));
  }
});
