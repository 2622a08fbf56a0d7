import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Gateway } from '../../src/gateway/server.ts';
import { fakeParts } from '../support/gateway.ts';

export interface GatewayBenchRow {
  readonly concurrency: number;
  readonly gatewayPerSecond: number;
  /** A bare `node:http` server with the same answer: what the platform can do. */
  readonly barePerSecond: number;
  readonly ratio: number;
}

const concurrencies = [1, 16, 64] as const;
const rounds = 3;
const roundSeconds = 2;
const answer = Buffer.from('hello');
const run = promisify(execFile);

/**
 * `GET /function/echo` to a function that answers in the process, by wrk, against a bare server, turn and turn about.
 * Both share a process and wrk shares the machine: compare the figures of one run only. Rejects when wrk is missing.
 */
export async function benchGateway(): Promise<GatewayBenchRow[]> {
  await run('wrk', ['--version']).catch((err: unknown) => {
    if (err instanceof Error && 'code' in err && err.code === 'ENOENT')
      throw new Error('wrk is missing; install it: apt-get install wrk');
  });
  const gateway = new Gateway({
    ...fakeParts().options,
    invoke: async () => ({ status: 200, headers: { 'content-type': 'text/plain' }, body: answer }),
  });
  const bare = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': answer.length });
    response.end(answer);
  });
  await gateway.start(new AbortController().signal);
  await once(bare.listen(0, '127.0.0.1'), 'listening');
  try {
    const rows: GatewayBenchRow[] = [];
    for (const concurrency of concurrencies)
      rows.push(
        await compare(
          `http://127.0.0.1:${gateway.port}/function/echo`,
          `http://127.0.0.1:${portOf(bare)}/`,
          concurrency,
        ),
      );
    return rows;
  } finally {
    bare.close();
    bare.closeAllConnections();
    await gateway.stop();
  }
}

async function compare(gatewayUrl: string, bareUrl: string, concurrency: number): Promise<GatewayBenchRow> {
  const gateway: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    bare.push(await load(bareUrl, concurrency));
    gateway.push(await load(gatewayUrl, concurrency));
  }
  const [gatewayPerSecond, barePerSecond] = [median(gateway), median(bare)];
  return { concurrency, gatewayPerSecond, barePerSecond, ratio: gatewayPerSecond / barePerSecond };
}

async function load(url: string, concurrency: number): Promise<number> {
  const { stdout } = await run('wrk', ['-t1', `-c${concurrency}`, `-d${roundSeconds}s`, url]);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrk met errors at ${url}:\n${stdout}`);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  if (!(perSecond > 0)) throw new Error(`wrk gave no figure for ${url}:\n${stdout}`);
  return perSecond;
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the bare server does not listen');
  return address.port;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  console.log(`HTTP invoke through the gateway, ${availableParallelism()} cores`);
  console.table(
    (await benchGateway()).map(({ ratio, gatewayPerSecond, barePerSecond, concurrency }) => ({
      concurrency,
      'gateway/s': Math.round(gatewayPerSecond),
      'bare/s': Math.round(barePerSecond),
      ratio: Number(ratio.toFixed(2)),
    })),
  );
}
