import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The middle one. Over rounds that alternate between two rivals it evens out what else the machine does. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], q: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? Number.NaN;
}

/** Runs each rival once per round, turn and turn about; the median of each. */
export async function compete<Name extends string>(
  rounds: number,
  rivals: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number>> {
  const results = await takeTurns(rounds, rivals);
  const medians = Object.entries<number[]>(results).map(([name, values]) => [name, median(values)]);
  return Object.fromEntries(medians) as Record<Name, number>; // one for each of the names
}

/** Runs each rival once per round, turn and turn about; what each of them gave, round by round. */
export async function takeTurns<Name extends string, Result>(
  rounds: number,
  rivals: Readonly<Record<Name, () => Promise<Result>>>,
): Promise<Record<Name, Result[]>> {
  const names = Object.keys(rivals) as Name[]; // the keys of a record are its names
  const results = new Map<Name, Result[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const name of names) results.get(name)?.push(await rivals[name]());
  return Object.fromEntries(results) as Record<Name, Result[]>; // one for each of the names
}

/** Times of calls, each caller one after the other, for so long. */
export interface Load {
  readonly tookMs: readonly number[];
  readonly perSecond: number;
}

/** Resolves when all callers have had their last answer. */
export async function load(
  call: (caller: number) => Promise<void>,
  { concurrency, durationMs }: { readonly concurrency: number; readonly durationMs: number },
): Promise<Load> {
  const startMs = performance.now();
  const tookMs: number[] = [];
  const callers = Array.from({ length: concurrency }, async (_, caller) => {
    for (let now = startMs; now < startMs + durationMs; now = performance.now()) {
      await call(caller);
      tookMs.push(performance.now() - now);
    }
  });
  await Promise.all(callers);
  return { tookMs, perSecond: (1_000 * tookMs.length) / (performance.now() - startMs) };
}

const run = promisify(execFile);

export interface WrkOptions {
  readonly connections: number;
  readonly seconds: number;
  /** Lua file that describes the request; a GET unless given. */
  readonly script?: string;
  /** The program, with arguments, that starts it somewhere else. */
  readonly inside?: readonly string[];
}

/** Requests per second by `wrk` from one thread. Rejects when wrk is missing, or meets anything but a 2xx. */
export async function wrk(url: string, options: WrkOptions): Promise<number> {
  return (await wrkFigures(url, options)).perSecond;
}

export interface WrkFigures {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** All that `wrk` tells of such a load. Rejects as `wrk` does. */
export async function wrkFigures(
  url: string,
  { connections, seconds, script, inside = [] }: WrkOptions,
): Promise<WrkFigures> {
  const load = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '--latency'];
  const [program, ...args] = [...inside, 'wrk', ...load, ...(script ? ['-s', script] : []), url];
  const { stdout } = await run(program, args).catch((err) => {
    if (err.code !== 'ENOENT') throw err;
    throw new Error('wrk is missing; install it: apt-get install wrk', { cause: err });
  });
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrk met errors at ${url}:\n${stdout}`);
  const figures = {
    requests: Number(/(\d+) requests in/.exec(stdout)?.[1]),
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p50Ms: toMs(/50%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
    p99Ms: toMs(/99%\s+([\d.]+)(us|ms|s)/.exec(stdout)),
  };
  if (!Object.values(figures).every((figure) => figure > 0))
    throw new Error(`wrk gave no figure for ${url}:\n${stdout}`);
  return figures;
}

function toMs(match: RegExpExecArray | null): number {
  const factor = { us: 0.001, ms: 1, s: 1_000 }[match?.[2] ?? ''] ?? Number.NaN;
  return Number(match?.[1]) * factor;
}
