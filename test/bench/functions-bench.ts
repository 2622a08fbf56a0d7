import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Endpoint } from '../../src/functions/endpoint.ts';
import type { FunctionSpec } from '../../src/functions/spec.ts';
import { openProcessRuntime } from '../support/process-runtime.ts';
import { buildRequest, never, textOf } from '../support/requests.ts';
import { until } from '../support/wait.ts';

export interface FunctionsFigure {
  readonly way: string;
  readonly concurrency: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const body = Buffer.alloc(100, 'x');
const warmUpMs = 500;
const measureMs = 2_000;

/** Requests per second to an echo of 100 bytes, for each way to run a function, beside spawning `cat` ourselves. */
export async function benchFunctions(): Promise<readonly FunctionsFigure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-bench-'));
  const { runtime, close } = await openProcessRuntime();
  try {
    await writeEchoes(folder);
    const figures: FunctionsFigure[] = [];
    for (const concurrency of [1, 8]) {
      for (const [way, spec] of Object.entries(waysToEcho(folder))) {
        const workers = spec.annotations?.['bramble.lang'] === undefined ? 1 : Math.min(concurrency, 2);
        await runtime.deploy({ ...spec, labels: { 'com.openfaas.scale.min': String(workers) } });
        const endpoints = await until(way, () => {
          const found = runtime.endpoints(spec.service);
          return found.length === workers ? found : undefined;
        });
        figures.push(await measure(way, concurrency, (i) => echo(endpoints, i)));
        await runtime.remove(spec.service);
      }
      figures.push(await measure('spawn cat (reference)', concurrency, spawnCat));
    }
    return figures;
  } finally {
    await close();
    await rm(folder, { recursive: true });
  }
}

function waysToEcho(folder: string): Record<string, FunctionSpec> {
  const place = { 'bramble.handler': folder };
  return {
    'framed, Node.js': { service: 'node', image: 'x', annotations: { ...place, 'bramble.lang': 'node' } },
    'framed, Python': { service: 'python', image: 'x', annotations: { ...place, 'bramble.lang': 'python' } },
    http: {
      service: 'http',
      image: 'x',
      envProcess: `${process.execPath} server.mjs`,
      envVars: { mode: 'http' },
      annotations: place,
    },
    'fork, cat': { service: 'fork', image: 'x', envProcess: 'cat', annotations: place },
  };
}

async function writeEchoes(folder: string): Promise<void> {
  await writeFile(join(folder, 'handler.mjs'), 'export default async ({ body }) => body;\n');
  await writeFile(join(folder, 'handler.py'), 'def handle(event, context):\n    return event.body\n');
  await writeFile(
    join(folder, 'server.mjs'),
    "import { createServer } from 'node:http';\n" +
      "createServer((request, response) => request.pipe(response)).listen(process.env.PORT, '127.0.0.1');\n",
  );
}

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

async function measure(
  way: string,
  concurrency: number,
  call: (i: number) => Promise<void>,
): Promise<FunctionsFigure> {
  await load(warmUpMs, concurrency, call);
  const startedMs = performance.now();
  const tookMs = (await load(measureMs, concurrency, call)).sort((a, b) => a - b);
  const perSecond = Math.round((1_000 * tookMs.length) / (performance.now() - startedMs));
  const quantile = (q: number) => tookMs[Math.floor(q * (tookMs.length - 1))] ?? Number.NaN;
  return { way, concurrency, perSecond, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

/** Resolves to the time that each call took. */
async function load(
  durationMs: number,
  concurrency: number,
  call: (i: number) => Promise<void>,
): Promise<number[]> {
  const endMs = performance.now() + durationMs;
  const tookMs: number[] = [];
  const callers = Array.from({ length: concurrency }, async (_, caller) => {
    for (let now = performance.now(); now < endMs; now = performance.now()) {
      await call(caller);
      tookMs.push(performance.now() - now);
    }
  });
  await Promise.all(callers);
  return tookMs;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  console.table(
    (await benchFunctions()).map(({ p50Ms, p99Ms, ...rest }) => ({
      ...rest,
      p50Ms: p50Ms.toFixed(3),
      p99Ms: p99Ms.toFixed(3),
    })),
  );
