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
  const names = Object.keys(rivals) as Name[]; // the keys of a record are its names
  const results = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const name of names) results.get(name)?.push(await rivals[name]());
  const medians = names.map((name) => [name, median(results.get(name) ?? [])]);
  return Object.fromEntries(medians) as Record<Name, number>; // one for each of the names
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
}

/** Requests per second by `wrk` from one thread. Rejects when wrk is missing, or meets anything but a 2xx. */
export async function wrk(url: string, { connections, seconds, script }: WrkOptions): Promise<number> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, ...(script ? ['-s', script] : []), url];
  const { stdout } = await run('wrk', args).catch((err) => {
    if (err.code !== 'ENOENT') throw err;
    throw new Error('wrk is missing; install it: apt-get install wrk', { cause: err });
  });
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`wrk met errors at ${url}:\n${stdout}`);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  if (!(perSecond > 0)) throw new Error(`wrk gave no figure for ${url}:\n${stdout}`);
  return perSecond;
}
