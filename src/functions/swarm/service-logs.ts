import { type Clock, sleep } from '../../support/clock.ts';
import { toBrambleError } from '../../support/errors.ts';
import type { LogLine, LogQuery } from '../runtime.ts';
import type { Engine, LogsOptions } from './engine.ts';
import { parseLogLine, readFrames } from './log-frames.ts';

/** What is kept in memory to bring the lines of all replicas in order. */
const maxLines = 10_000;
/** Asked for beyond the last lines that are wanted: as many may be written while they are asked for. */
const slackLines = 100;
/** With a node of the Swarm away Docker waits for its lines for ever; what has come by then is all there is. */
const snapshotSilenceMs = 2_000;
/** A stream is asked for lines from a while before the last one: the clocks of nodes differ. */
const overlapMs = 5_000;
const reopenMs = 500;

export interface ServiceLogsOptions {
  readonly engine: Pick<Engine, 'serviceLogs'>;
  readonly clock: Clock;
  /** When the caller asked: what is written later is new. */
  readonly askedMs: number;
  /** Of the service. */
  readonly id: string;
  /** Of the function. */
  readonly name: string;
}

/**
 * Lines of all replicas, first what there is in order of time (the last 10 000 at most), then, if asked for, new ones as
 * they come. A stream that Docker lets die is opened again where it ended; no line comes twice.
 */
export async function* readServiceLogs(
  options: ServiceLogsOptions,
  { tail = maxLines, sinceMs = 0, follow = false, signal }: LogQuery,
): AsyncGenerator<LogLine> {
  const seen = new Seen(sinceMs);
  const wanted = Math.min(tail, maxLines);
  const lines = (await readSnapshot(options, { wanted, sinceMs, signal })).filter((line) => seen.isNew(line));
  const old = lines.filter(({ timestamp }) => Date.parse(timestamp) < options.askedMs);
  yield* old.slice(Math.max(0, old.length - wanted));
  yield* lines.slice(old.length);
  while (follow && !signal.aborted) {
    for await (const line of readUntilEnd(options, { follow: true, ...seen.since() }, signal))
      if (seen.isNew(line)) yield line;
    await sleep(options.clock, reopenMs, signal).catch(() => {});
  }
}

async function readSnapshot(
  options: ServiceLogsOptions,
  { wanted, sinceMs, signal }: { wanted: number; sinceMs: number; signal: AbortSignal },
): Promise<LogLine[]> {
  const silence = new AbortController();
  const end = () => silence.abort();
  let cancel = options.clock.after(snapshotSilenceMs, end);
  const lines: LogLine[] = [];
  const query = {
    follow: false,
    tail: wanted + slackLines,
    ...(sinceMs > 0 ? { since: toSince(sinceMs) } : {}),
  };
  for await (const line of readUntilEnd(options, query, AbortSignal.any([signal, silence.signal]))) {
    cancel();
    cancel = options.clock.after(snapshotSilenceMs, end);
    lines.push(line);
    if (lines.length > 2 * maxLines) lines.splice(0, lines.length, ...newest(lines, maxLines));
  }
  cancel();
  return newest(lines, lines.length);
}

/** Ends when the stream does, for whatever reason but one that trying again cannot heal. */
async function* readUntilEnd(
  { engine, id, name }: ServiceLogsOptions,
  query: LogsOptions,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  try {
    const stream = await engine.serviceLogs(id, query, signal);
    try {
      for await (const frame of readFrames(stream)) {
        const line = parseLogLine(name, frame);
        if (line !== undefined) yield line;
      }
    } finally {
      stream.destroy();
    }
  } catch (err) {
    if (signal.aborted || isBreak(err)) return;
    throw err;
  }
}

/** A connection that broke, or an Engine that restarts and is not yet the manager it was; not an answer. */
function isBreak(err: unknown): boolean {
  return ['UNREACHABLE', 'UNSUPPORTED', 'INTERNAL'].includes(toBrambleError(err).code);
}

function newest(lines: readonly LogLine[], count: number): LogLine[] {
  // Docker writes all nine digits of the fraction, so that texts are in the order of times.
  const sorted = [...lines].sort((a, b) =>
    a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0,
  );
  return sorted.slice(Math.max(0, sorted.length - count));
}

/** Where the log of each replica has been read to. */
class Seen {
  readonly #sinceMs: number;
  readonly #last = new Map<string, string>();

  constructor(sinceMs: number) {
    this.#sinceMs = sinceMs;
  }

  /** Once true for each line. */
  isNew({ instance, timestamp }: LogLine): boolean {
    if (Date.parse(timestamp) < this.#sinceMs || timestamp <= (this.#last.get(instance) ?? '')) return false;
    this.#last.set(instance, timestamp);
    return true;
  }

  /** From when to read on. */
  since(): { readonly since?: string } {
    const times = [...this.#last.values()].map((time) => Date.parse(time));
    const fromMs = times.length === 0 ? this.#sinceMs : Math.max(...times) - overlapMs;
    return fromMs > 0 ? { since: toSince(fromMs) } : {};
  }
}

function toSince(ms: number): string {
  return (ms / 1_000).toFixed(3);
}
