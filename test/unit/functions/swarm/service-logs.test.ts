import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { LogLine } from '../../../../src/functions/runtime.ts';
import type { LogsOptions } from '../../../../src/functions/swarm/engine.ts';
import { parseLogLine, readFrames } from '../../../../src/functions/swarm/log-frames.ts';
import { readServiceLogs } from '../../../../src/functions/swarm/service-logs.ts';
import { systemClock } from '../../../../src/support/clock.system.ts';
import { BrambleError } from '../../../../src/support/errors.ts';
import { codeOf, never } from '../../../support/requests.ts';

function frame(text: string, kind = 1): Buffer {
  const body = Buffer.from(text);
  const header = Buffer.alloc(8);
  header.writeUInt8(kind, 0);
  header.writeUInt32BE(body.length, 4);
  return Buffer.concat([header, body]);
}

const line = (second: number, task: string, text: string) =>
  frame(
    `2026-01-01T00:00:0${second}.000000000Z com.docker.swarm.node.id=n,com.docker.swarm.task.id=${task} ${text}\n`,
  );

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('Docker’s multiplexed stream', () => {
  it('is read frame by frame, however it is cut on its way', async () => {
    const bytes = Buffer.concat([
      frame('out ü\n'),
      frame('err\n', 2),
      frame('of Docker itself', 3),
      frame(''),
    ]);
    for (const size of [1, 7, 9, bytes.length]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      expect(await collect(readFrames(Readable.from(chunks)))).toEqual(['out ü\n', 'err\n', '']);
    }
  });

  it('is given up when it is something else', async () => {
    expect(await codeOf(collect(readFrames(Readable.from([Buffer.from('plain text, no frames')]))))).toBe(
      'UNREACHABLE',
    );
  });

  it('has lines with blanks, empty ones, and ones of no task, which are left out', () => {
    const parse = (text: string) => parseLogLine('fn', text);
    expect(parse('2026T com.docker.swarm.task.id=t1 two words \n')?.text).toBe('two words ');
    expect(parse('2026T a=b,com.docker.swarm.task.id=t1,c=d \r\n')).toEqual({
      name: 'fn',
      instance: 't1',
      timestamp: '2026T',
      text: '',
    });
    expect(parse('error from daemon in stream')).toBeUndefined();
  });
});

describe('the log of a service', () => {
  /** An Engine whose log streams are these, one after the other; the last one is silent until it is given up. */
  function engine(...streams: (Buffer[] | Error)[]) {
    const asked: LogsOptions[] = [];
    return {
      asked,
      async serviceLogs(_id: string, options: LogsOptions, signal: AbortSignal) {
        asked.push(options);
        const next = streams.shift();
        if (next instanceof Error) throw next;
        const stream = next === undefined ? new Readable({ read() {} }) : Readable.from(next);
        signal.addEventListener('abort', () => stream.destroy(), { once: true });
        return stream;
      },
    };
  }

  const read = (from: ReturnType<typeof engine>, query: object = {}) =>
    readServiceLogs(
      { engine: from, clock: systemClock, askedMs: Date.parse('2026-01-01T00:00:05Z'), id: 's', name: 'fn' },
      { signal: never, ...query },
    );
  const texts = (lines: readonly LogLine[]) => lines.map(({ text }) => text);

  it('is that of all replicas in order of time', async () => {
    const from = engine([line(1, 'a', 'one'), line(3, 'a', 'three'), line(2, 'b', 'two')]);
    expect(texts(await collect(read(from)))).toEqual(['one', 'two', 'three']);
  });

  it('has its tail over all replicas, not of each', async () => {
    const lines = [line(1, 'a', 'one'), line(3, 'a', 'three'), line(2, 'b', 'two')];
    expect(texts(await collect(read(engine(lines), { tail: 2 })))).toEqual(['two', 'three']);
  });

  it('goes on where it ended when Docker lets the stream die, without a line twice', async () => {
    const reader = new AbortController();
    const from = engine(
      [line(1, 'a', 'one'), line(2, 'b', 'two')],
      [line(2, 'b', 'two'), line(3, 'a', 'three')],
      new BrambleError('UNREACHABLE', 'it restarts'),
      [line(3, 'a', 'three'), line(4, 'c', 'four')],
    );
    const seen: string[] = [];
    for await (const { text } of read(from, { tail: 1, follow: true, signal: reader.signal })) {
      seen.push(text);
      if (text === 'four') reader.abort();
    }
    expect(seen).toEqual(['two', 'three', 'four']);
    expect(from.asked.map(({ follow }) => follow)).toEqual([false, true, true, true]);
  });

  it('that is followed from now on has the lines that came while Docker was asked', async () => {
    const reader = new AbortController();
    const from = engine([line(4, 'a', 'before'), line(6, 'a', 'meanwhile')]);
    for await (const { text } of read(from, { tail: 0, follow: true, signal: reader.signal })) {
      expect(text).toBe('meanwhile');
      reader.abort();
    }
  });

  it('that Docker does not give any more ends what follows it', async () => {
    const from = engine([], new BrambleError('NOT_FOUND', 'no such service'));
    expect(await codeOf(collect(read(from, { follow: true })))).toBe('NOT_FOUND');
  });
});
