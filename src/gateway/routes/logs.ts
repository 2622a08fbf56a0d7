import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Type } from 'typebox';
import type { LogLine, LogQuery } from '../../functions/runtime.ts';
import { BrambleError, messageOf } from '../../support/errors.ts';
import type { App } from '../app-types.ts';
import { isOurNamespace, namespace, plainName } from '../function-path.ts';
import type { OpenStreams } from '../open-streams.ts';
import type { GatewayParts, Managing } from '../ports.ts';

/** Texts that Go reads as a boolean: what OpenFaaS's clients may send. */
const truthy = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const falsy = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

const LogsQuery = Type.Object({
  name: Type.String({ minLength: 1 }),
  namespace: Type.Optional(Type.String()),
  instance: Type.Optional(Type.String({ description: 'id of one replica; all unless told' })),
  tail: Type.Optional(
    Type.String({ pattern: '^-?[0-9]{1,9}$', description: 'last lines; 0 or less is all' }),
  ),
  follow: Type.Optional(Type.Enum([...truthy, ...falsy], { description: 'go on with new lines' })),
  since: Type.Optional(Type.String({ format: 'date-time' })),
});

/** Logs of a function as JSON lines. */
export function registerLogs(
  app: App,
  { runtime, log }: Pick<GatewayParts & Managing, 'runtime' | 'log'>,
  streams: OpenStreams,
): void {
  app.get(
    '/system/logs',
    {
      schema: { querystring: LogsQuery },
      config: {
        summary: 'Streams the log of a function',
        answers: {
          200: 'JSON lines: name, namespace, instance, timestamp, text',
          404: 'no such function',
          429: 'too many tails',
        },
      },
    },
    async (request, reply) => {
      const { query } = request;
      const name = plainName(query.name);
      const isKnown = isOurNamespace(query.namespace) && (await runtime.describe(name)) !== undefined;
      if (!isKnown) throw new BrambleError('FUNCTION_NOT_FOUND', `no function ${query.name} is deployed`);
      streams.checkRoom();
      reply.hijack();
      const abort = new AbortController();
      const forget = streams.add(() => abort.abort());
      reply.raw.once('close', () => abort.abort());
      try {
        reply.raw.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders();
        const lines = runtime.logs(name, toLogQuery(query, abort.signal));
        await pipeline(Readable.from(encode(lines, query.instance)), reply.raw);
      } catch (err) {
        // Too late for a status: the answer breaks off, or ends where we ended it.
        if (!abort.signal.aborted) log.warn({ err: messageOf(err), function: name }, 'log stream failed');
        if (!reply.raw.destroyed) reply.raw.end();
      } finally {
        forget();
      }
    },
  );
}

function toLogQuery(
  { tail = '0', follow = 'false', since }: { tail?: string; follow?: string; since?: string },
  signal: AbortSignal,
): LogQuery {
  return {
    signal,
    follow: truthy.includes(follow),
    ...(Number(tail) > 0 ? { tail: Number(tail) } : {}),
    ...(since === undefined ? {} : { sinceMs: Date.parse(since) }),
  };
}

async function* encode(lines: AsyncIterable<LogLine>, instance: string | undefined): AsyncIterable<string> {
  for await (const line of lines) {
    if (instance === undefined || instance === '' || line.instance === instance)
      yield `${JSON.stringify({ namespace, ...line })}\n`;
  }
}
