import { readFileSync } from 'node:fs';
import type { MqttClient } from 'mqtt';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BrambleSwarm, openBrambleSwarm } from '../support/docker/bramble-swarm.ts';
import { whyNoDocker } from '../support/docker/docker.ts';
import { type Ledger, openLedger, startLoad } from '../support/docker/ledger.ts';
import { whatHappened } from '../support/docker/what-happened.ts';
import { until } from '../support/wait.ts';

const amount = 10_000;
/** Node 1 is the only manager, node 2 keeps the broker and is never hurt, node 3 has nothing of its own. */
const [manager, broker, worker] = [0, 1, 2];
const slowest = 180_000;
const testLimit = 480_000;

describe.skipIf(whyNoDocker() !== '')(`Bramble on a Swarm of three nodes${whyNoDocker()}`, () => {
  let bramble: BrambleSwarm;
  let client: MqttClient;
  let ledger: Ledger;

  /** Each replica tells the ledger; a function for each promise about events. */
  const counting = (acknowledge: 'handled' | 'stored') => ({
    labels: { 'com.openfaas.scale.factor': '0', 'com.openfaas.scale.min': '3' },
    environment: { TELL: ledger.urlFor(acknowledge), exec_timeout: '5s' },
    annotations: {
      topic: acknowledge,
      'bramble.acknowledge': acknowledge,
      'bramble.concurrency': '8',
      'com.openfaas.retry.attempts': '100',
      'com.openfaas.retry.max_wait': '2s',
    },
  });
  const start = (function_: 'handled' | 'stored') =>
    startLoad(client, { topic: function_, amount, ledger, page: function_ });

  beforeAll(async () => {
    bramble = await openBrambleSwarm({ nodes: 3, broker, heartbeat: '60s' });
    ledger = await openLedger(bramble.swarm.hostAddress);
    const deployed = await bramble.deploy({ handled: counting('handled'), stored: counting('stored') });
    expect(deployed).toMatchObject({ exit: 0 });
    client = await bramble.connect();
  });
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async () => console.log(await whatHappened(bramble.swarm)));
  });
  afterAll(async () => {
    await bramble?.stop();
    ledger?.close();
  });

  const isReady = async (node: number) => {
    const response = await bramble.call(node, '/system/function/handled');
    return response.ok && (await response.text()).includes('"availableReplicas":3');
  };
  const serves = async (node: number) => {
    const call = bramble.call(node, '/function/handled/env?TELL', { signal: AbortSignal.timeout(5_000) });
    return call.then(
      ({ ok }) => ok,
      () => false, // its agent is not up yet
    );
  };
  const takenOver = async () => {
    const metrics = await (await bramble.call(broker, '/metrics')).text();
    return Number(/^bramble_sessions_taken_over (\d+)$/m.exec(metrics)?.[1]);
  };
  const placed = async () => {
    const { docker } = bramble.swarm.node(manager);
    const options = ['--filter', 'desired-state=running', '--format', '{{.Node}}'];
    return (await docker('service', 'ps', 'handled', ...options)).split('\n').sort();
  };
  const stopwatch = () => {
    const startMs = performance.now();
    return () => `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
  };

  it('a function is on every node, and every agent serves it and manages it', async () => {
    await until('three replicas', () => isReady(worker));
    expect(await placed()).toEqual(['node-1', 'node-2', 'node-3']);
    for (const node of [manager, broker, worker]) {
      await until('this agent serves it', () => serves(node));
      expect(await isReady(node)).toBe(true);
    }
  });

  it(
    'no event is lost when one node loses its power under load and another one hangs, and both come back',
    async () => {
      const load = start('handled');
      await load.handled(amount / 10, slowest);
      const sinceCut = stopwatch();
      bramble.swarm.pause(manager);
      await bramble.swarm.kill(worker);
      await until('the one that is left takes over', async () => (await takenOver()) === 2, 60_000);
      console.log(`both sessions taken over ${sinceCut()} after the cut`);
      await load.done(slowest);
      console.log(`all ${amount} handled ${sinceCut()} after the cut, ${load.duplicates()} twice`);

      const sinceReturn = stopwatch();
      bramble.swarm.resume(manager);
      await bramble.swarm.start(worker);
      await until('both serve', async () => (await serves(manager)) && (await serves(worker)), slowest);
      await until('their events are their own', async () => (await takenOver()) === 0, slowest);
      console.log(`both serve, with their sessions, ${sinceReturn()} after they came back`);
      console.log(`${load.duplicates()} twice, now that the disks of both are back`);
    },
    testLimit,
  );

  it(
    'no event is lost when a node’s Docker and its agent are killed under load, and its disk is needed',
    async () => {
      await until('three replicas', () => isReady(broker), slowest);
      const load = start('stored');
      await load.handled(amount / 10, slowest);
      const sinceKill = stopwatch();
      for (const what of ['dockerd', 'agent'] as const) {
        const [pid = 0, ...others] = processes(worker, what);
        expect([pid > 0, others]).toEqual([true, []]);
        process.kill(pid, 'SIGKILL');
      }
      await load.done(slowest);
      console.log(`all ${amount} handled ${sinceKill()} after the kill, ${load.duplicates()} twice`);
      await until('it serves again', () => serves(worker), slowest);
    },
    testLimit,
  );

  it('with no manager left, calls and events go on, and managing is refused with the reason', async () => {
    // Docker moves what lost its node, and never back: all replicas may be on the node that is about to be lost.
    await bramble.swarm.node(manager).docker('service', 'update', '--force', '--detach', 'handled');
    const isElsewhereToo = async () => (await placed()).some((node) => node !== 'node-1');
    await until(
      'three replicas, not all on one node',
      async () => (await isElsewhereToo()) && isReady(broker),
      slowest,
    );
    await bramble.swarm.kill(manager);
    const calls = Array.from({ length: 20 }, async () => {
      const answer = await bramble.call(broker, '/function/handled/env?TELL');
      return answer.ok ? 'answered' : `${answer.status} ${await answer.text()}`;
    });
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['answered']));
    const refused = await bramble.call(broker, '/system/functions', {
      method: 'DELETE',
      headers: { 'content-type': 'application/json' },
      body: '{"functionName":"handled"}',
    });
    expect([refused.status, refused.headers.get('x-bramble-error')]).toEqual([503, 'CONTROL_OFFLINE']);
    const load = startLoad(client, { topic: 'handled', amount: 1_000, ledger, page: 'handled' });
    await load.done(slowest);
    expect(await serves(broker)).toBe(true);
  });

  /** Of a node: its Docker Engine, or the agent in its container, whose health check has the same environment. */
  function processes(node: number, what: 'dockerd' | 'agent'): number[] {
    const marks = {
      dockerd: (pid: number) => readOr(`/proc/${pid}/comm`) === 'dockerd\n',
      agent: (pid: number) =>
        readOr(`/proc/${pid}/environ`).includes('BRAMBLE_ROLES=sense,show,serve\0') &&
        readOr(`/proc/${pid}/cmdline`).includes('\0/app/dist/cli.js\0'),
    };
    return bramble.swarm.node(node).processes().filter(marks[what]);
  }
});

function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // it has ended meanwhile
  }
}
