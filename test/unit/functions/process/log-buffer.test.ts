import { describe, expect, it } from 'vitest';
import { LogBuffer } from '../../../../src/functions/process/log-buffer.ts';
import type { LogQuery } from '../../../../src/functions/runtime.ts';
import { ManualClock } from '../../../../src/support/clock.manual.ts';
import { never } from '../../../support/requests.ts';

async function textsOf(log: LogBuffer, query: Partial<LogQuery> = {}): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of log.read({ signal: never, ...query })) texts.push(text);
  return texts;
}

describe('the log of a function', () => {
  it('keeps lines with their replica and time', async () => {
    const clock = new ManualClock(Date.UTC(2026, 0, 1));
    const log = new LogBuffer('fn', { maxBytes: 1_000, clock });
    log.append('fn-1', 'hello');
    const { value } = await log.read({ signal: never }).next();
    expect(value).toEqual({
      name: 'fn',
      instance: 'fn-1',
      timestamp: '2026-01-01T00:00:00.000Z',
      text: 'hello',
    });
  });

  it('gives its tail, and the lines since a time', async () => {
    const clock = new ManualClock();
    const log = new LogBuffer('fn', { maxBytes: 10_000, clock });
    log.append('fn-1', 'a');
    await clock.advance(1_000);
    log.append('fn-1', 'b');
    log.append('fn-1', 'c');
    expect(await textsOf(log, { tail: 1 })).toEqual(['c']);
    expect(await textsOf(log, { tail: 0 })).toEqual([]);
    expect(await textsOf(log, { sinceMs: clock.nowMs() })).toEqual(['b', 'c']);
    expect(await textsOf(log, { sinceMs: clock.nowMs(), tail: 1 })).toEqual(['c']);
  });

  it('drops the oldest lines to stay within its bytes', async () => {
    const log = new LogBuffer('fn', { maxBytes: 2_000, clock: new ManualClock() });
    for (let i = 0; i < 100; i += 1) log.append('fn-1', String(i));
    const texts = await textsOf(log);
    expect(texts.at(-1)).toBe('99');
    expect(texts.length).toBeGreaterThan(5);
    expect(texts.length).toBeLessThan(20);
  });

  it('is followed line by line, also past lines that were dropped, until the reader leaves', async () => {
    const log = new LogBuffer('fn', { maxBytes: 1_000, clock: new ManualClock() });
    log.append('fn-1', 'old');
    const reader = new AbortController();
    const lines = log.read({ follow: true, signal: reader.signal });
    expect((await lines.next()).value?.text).toBe('old');
    for (let i = 0; i < 100; i += 1) log.append('fn-1', String(i));
    const texts: string[] = [];
    while (texts.at(-1) !== '99') texts.push((await lines.next()).value?.text ?? '');
    expect(texts.length).toBeLessThan(100);
    const last = lines.next();
    reader.abort();
    expect((await last).done).toBe(true);
  });

  it('ends its followers when it is closed', async () => {
    const log = new LogBuffer('fn', { maxBytes: 1_000, clock: new ManualClock() });
    const reading = textsOf(log, { follow: true });
    log.append('fn-1', 'last');
    log.close();
    expect(await reading).toEqual(['last']);
  });
});
