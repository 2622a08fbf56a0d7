import { openScaledSwarm, type ScaledSwarm } from '../support/docker/scaled-swarm.ts';
import { bodyOf, buildRequest } from '../support/requests.ts';
import { until } from '../support/wait.ts';
import type { Bench, Row } from './rows.ts';

const labels = {
  'com.openfaas.scale.zero': 'true',
  'com.openfaas.scale.target': '5',
  'com.openfaas.scale.down.window': '1s',
};

export const scaleBench: Bench = {
  name: 'scale',
  title: 'From rest to an answer, on a Swarm',
  method:
    'One real Docker Engine as a Swarm of one node, with broker, catalogue, autoscaler and freezer as in operation. A call of a ' +
    'function that runs, is frozen, or has no replica, to the last byte of its answer; then 150 callers at once, until 20 replicas ' +
    'are ready. Median; against the call of a replica that runs.',
  async measure() {
    const swarm = await openScaledSwarm();
    try {
      const warm = await warmCalls(swarm);
      const frozen = await firstAnswers(swarm, { 'bramble.freeze-after': '2s' }, 10, isFrozen);
      const none = await firstAnswers(swarm, { 'bramble.freeze-after': '0' }, 5, isGone);
      const step = await loadStep(swarm);
      const reference = { what: 'a replica that runs', value: median(warm) };
      return [
        { ...toRow('frozen → first answer', frozen), reference },
        { ...toRow('0 replicas → first answer', none), reference },
        toRow('step of load → 20 replicas ready', [step]),
      ];
    } finally {
      await swarm.stop();
    }
  },
};

async function warmCalls(swarm: ScaledSwarm): Promise<number[]> {
  await swarm.deploy({ service: 'warm' });
  const times: number[] = [];
  for (let i = 0; i < 200; i += 1) times.push(await timed(() => ask(swarm, 'warm', '/echo')));
  await swarm.remove('warm');
  return times;
}

/** Lets the function fall asleep again and again; gives the times from a call to its answer. */
async function firstAnswers(
  swarm: ScaledSwarm,
  annotations: Record<string, string>,
  times: number,
  isAsleep: (swarm: ScaledSwarm, name: string) => Promise<boolean>,
): Promise<number[]> {
  const service = `sleepy${times}`;
  const zero = { 'com.openfaas.scale.zero-duration': isAsleep === isGone ? '3s' : '1h' };
  await swarm.deploy({ service, labels: { ...labels, ...zero }, annotations });
  const found: number[] = [];
  for (let i = 0; i < times; i += 1) {
    await until(`${service} is asleep`, () => isAsleep(swarm, service), 60_000);
    found.push(await timed(() => ask(swarm, service, '/echo')));
  }
  await swarm.remove(service);
  return found;
}

async function isFrozen(swarm: ScaledSwarm, name: string): Promise<boolean> {
  const frozen = await Promise.all(swarm.tasks(name).map(({ containerId }) => swarm.isFrozen(containerId)));
  return frozen.length > 0 && frozen.every(Boolean);
}

async function isGone(swarm: ScaledSwarm, name: string): Promise<boolean> {
  return swarm.tasks(name).length === 0 && swarm.countReady(name) === 0;
}

/** 150 callers at once, each of whom calls again; a call takes 200 ms of waiting. */
async function loadStep(swarm: ScaledSwarm): Promise<number> {
  await swarm.deploy({ service: 'busy', labels });
  let isOver = false;
  const callers: Promise<void>[] = [];
  const duration = await timed(async () => {
    for (let i = 0; i < 150; i += 1)
      callers.push(
        (async () => {
          while (!isOver) await ask(swarm, 'busy', '/slow?0.2');
        })(),
      );
    await until('20 replicas are ready', () => swarm.countReady('busy') === 20, 120_000);
  });
  isOver = true;
  await Promise.all(callers);
  await swarm.remove('busy');
  return duration;
}

/** To the last byte of the answer. */
async function ask(swarm: ScaledSwarm, name: string, target: string): Promise<void> {
  const response = await swarm.invoke(name, buildRequest(target, { body: Buffer.from('x') }), {
    signal: new AbortController().signal,
  });
  if (response.status !== 200) throw new Error(`${name} answered ${response.status}`);
  await bodyOf(response);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function toRow(what: string, times: readonly number[]): Row {
  const longest = Math.round(Math.max(...times));
  return { what, ours: median(times), unit: 'ms', also: `${times.length} times, longest ${longest} ms` };
}

function median(times: readonly number[]): number {
  return [...times].sort((one, other) => one - other)[Math.floor(times.length / 2)] ?? 0;
}
