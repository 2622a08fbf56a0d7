import type { ServerResponse } from 'node:http';
import { Type } from 'typebox';
import type { Incoming } from '../../bus/bus.ts';
import { filterProblem, root } from '../../events/topics.ts';
import type { Clock } from '../../support/clock.ts';
import { messageOf } from '../../support/errors.ts';
import { invalid } from '../../support/schema.ts';
import type { App } from '../app-types.ts';
import { messageToJson } from '../event-json.ts';
import type { OpenStreams } from '../open-streams.ts';
import type { GatewayOptions } from '../ports.ts';

/** Bytes that may wait for one reader; more, and it is cut: a tail is for looking, and nothing may pile up for it. */
const maxWaitingBytes = 1024 * 1024;
/** A cut reader has so long to take what waits for it and the last message. */
const farewellMs = 5_000;
/** A comment now and then finds out readers that are gone, and keeps proxies from closing a quiet stream. */
const heartbeatMs = 15_000;

const EventsQuery = Type.Object({
  filter: Type.Optional(Type.String({ default: `${root}/#`, description: 'MQTT topic filter' })),
});

/** Live tail of the bus, as server-sent events: each `data` is one message as JSON; `event: cut` is the last. */
export function registerEvents(
  app: App,
  { bus, clock, log }: Pick<GatewayOptions, 'bus' | 'clock' | 'log'>,
  streams: OpenStreams,
): void {
  app.get(
    '/bramble/events',
    {
      schema: { querystring: EventsQuery },
      config: {
        summary: 'Streams messages of the bus as they come',
        answers: { 200: 'text/event-stream', 429: 'too many tails' },
      },
    },
    async (request, reply) => {
      const filter = request.query.filter ?? `${root}/#`;
      const problem = filterProblem(filter);
      if (problem !== undefined) throw invalid([{ path: 'filter', message: problem }], { what: 'query' });
      streams.checkRoom();
      reply.hijack();
      const tail = openTail(reply.raw, clock);
      const forget = streams.add(tail.cut);
      const isClosed = new Promise<void>((resolve) => reply.raw.once('close', resolve));
      try {
        const unsubscribe = await bus.subscribe(filter, tail.send);
        await isClosed;
        await unsubscribe();
      } catch (err) {
        log.warn({ err: messageOf(err), filter }, 'event tail failed');
        tail.cut(messageOf(err));
      } finally {
        forget();
      }
    },
  );
}

interface Tail {
  readonly send: (message: Incoming) => void;
  /** Says why and ends. */
  readonly cut: (reason: string) => void;
}

function openTail(res: ServerResponse, clock: Clock): Tail {
  res.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no', // nginx would collect the stream otherwise
  });
  res.write(': connected\n\n');
  const stopHeartbeat = clock.every(heartbeatMs, () => res.write(': still here\n\n'));
  let cancelFarewell = () => {};
  res.once('close', () => {
    stopHeartbeat();
    cancelFarewell();
  });
  const cut = (reason: string) => {
    if (res.writableEnded) return;
    stopHeartbeat();
    res.end(`event: cut\ndata: ${JSON.stringify({ reason })}\n\n`);
    cancelFarewell = clock.after(farewellMs, () => res.destroy());
  };
  const send = (message: Incoming) => {
    if (res.writableEnded || res.destroyed) return;
    if (res.writableLength > maxWaitingBytes) {
      cut(`the reader is too slow: more than ${maxWaitingBytes} bytes wait for it`);
      return;
    }
    const time = new Date(clock.nowMs()).toISOString();
    res.write(`data: ${JSON.stringify(messageToJson(message, time))}\n\n`);
  };
  return { send, cut };
}
