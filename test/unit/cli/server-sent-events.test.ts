import { describe, expect, it } from 'vitest';
import { readServerSentEvents, type ServerSentEvent } from '../../../src/cli/server-sent-events.ts';

async function eventsIn(text: string) {
  async function* lines() {
    yield* text.split('\n');
  }
  const events: ServerSentEvent[] = [];
  for await (const event of readServerSentEvents(lines())) events.push(event);
  return events;
}

describe('readServerSentEvents', () => {
  it('gives the data of each event and passes over comments', async () => {
    expect(await eventsIn(': connected\n\ndata: {"a":1}\n\n: still here\n\ndata: 2\n\n')).toEqual([
      { event: 'message', data: '{"a":1}' },
      { event: 'message', data: '2' },
    ]);
  });

  it('gives the name of an event', async () => {
    expect(await eventsIn('event: cut\ndata: {}\n\ndata: x\n\n')).toEqual([
      { event: 'cut', data: '{}' },
      { event: 'message', data: 'x' },
    ]);
  });

  it('joins several lines of data, and takes one blank after the colon away', async () => {
    expect(await eventsIn('data:a\ndata:  b\ndata\n\n')).toEqual([{ event: 'message', data: 'a\n b\n' }]);
  });

  it('drops an event that the end of the stream cuts off', async () => {
    expect(await eventsIn('data: half')).toEqual([]);
  });
});
