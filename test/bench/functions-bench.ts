import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import type { Endpoint } from '../../src/functions/endpoint.ts';
import { openProcessRuntime } from '../support/process-runtime.ts';
import { buildRequest, never, textOf } from '../support/requests.ts';
import { until } from '../support/wait.ts';
import { echoSpecs, writeEchoes } from './echoes.ts';
import { type Load, load, quantile } from './measure.ts';
import { type Bench, type Row, show } from './rows.ts';

const body = Buffer.alloc(100, 'x');
const warmUpMs = 200;
const measureMs = 1_000;

export const functionsBench: Bench = {
  name: 'functions',
  title: 'Ways to run a function',
  method:
    'An echo of 100 bytes through the process runtime, without HTTP in front of it: warm workers (two at 8 callers) that ' +
    'speak frames, a long-lived HTTP server, a process per request; against spawning `cat` for each request ourselves.',
  async measure() {
    const folder = await writeEchoes();
    const { runtime, close } = await openProcessRuntime();
    try {
      const rows: Row[] = [];
      for (const concurrency of [1, 8]) {
        for (const [way, spec] of Object.entries(echoSpecs(folder))) {
          const workers = way.startsWith('framed') ? Math.min(concurrency, 2) : 1;
          await runtime.deploy({ ...spec, labels: { 'com.openfaas.scale.min': String(workers) } });
          const endpoints = await until(way, () => {
            const found = runtime.endpoints(spec.service);
            return found.length === workers ? found : undefined;
          });
          const spawned = await measure(spawnCat, concurrency);
          const reference = { what: 'spawn cat', value: spawned.perSecond };
          const { perSecond, tookMs } = await measure((i) => echo(endpoints, i), concurrency);
          await runtime.remove(spec.service);
          const also = `p50 ${show(quantile(tookMs, 0.5), 'ms')}, p99 ${show(quantile(tookMs, 0.99), 'ms')}`;
          rows.push({ what: `${way}, ${concurrency} at once`, ours: perSecond, unit: '/s', also, reference });
        }
      }
      return rows;
    } finally {
      await close();
      await rm(folder, { recursive: true });
    }
  },
};

async function echo(endpoints: readonly Endpoint[], i: number): Promise<void> {
  const endpoint = endpoints[i % endpoints.length];
  if (endpoint === undefined) throw new Error('no replica');
  const response = await endpoint.invoke(buildRequest('/', { body }), { signal: never });
  if ((await textOf(response)).length !== body.length) throw new Error('the echo is not what was sent');
}

async function spawnCat(): Promise<void> {
  const child = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(body);
  const answer = Buffer.concat(await child.stdout.toArray());
  if (answer.length !== body.length) throw new Error('the echo is not what was sent');
}

async function measure(call: (i: number) => Promise<void>, concurrency: number): Promise<Load> {
  await load(call, { concurrency, durationMs: warmUpMs });
  return load(call, { concurrency, durationMs: measureMs });
}
