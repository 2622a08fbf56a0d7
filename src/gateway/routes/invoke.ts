import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FunctionResponse } from '../../functions/endpoint.ts';
import type { App } from '../app-types.ts';
import { clientLeft, linger, takeBody } from '../bodies.ts';
import { endToEnd, requestHeaders } from '../forwarding.ts';
import { parseFunctionPath } from '../function-path.ts';
import type { GatewayOptions } from '../ports.ts';
import { toGatewayError, toRefusal } from '../refusal.ts';

type Options = Pick<GatewayOptions, 'invoke' | 'maxBodyBytes' | 'clock' | 'log'>;

/** `/function/NAME` and everything below: any method, body and answer streamed. */
export function registerInvoke(app: App, options: Options): void {
  for (const url of ['/function/:name', '/function/:name/*'])
    app.route({
      method: app.supportedMethods,
      url,
      config: {
        summary: 'Calls a function and waits for its answer',
        isPublic: true,
        answers: {
          200: 'what the function answered, with its own status',
          404: 'no such function',
          413: 'the body is over the limit',
          429: 'the function has as many requests in flight as it takes',
          500: 'the function failed',
          503: 'no replica can take a request now',
          504: 'the function did not answer within its time',
        },
      },
      // Takes the request over before fastify looks at its body: what a function is sent is not for us to judge.
      onRequest: (request, reply) => {
        reply.hijack();
        void serve(request.raw, reply.raw, options);
      },
      handler: () => {},
    });
}

/** Never rejects: every end of it is an answer or a closed connection. */
async function serve(raw: IncomingMessage, res: ServerResponse, options: Options): Promise<void> {
  const { invoke, maxBodyBytes, clock } = options;
  const headers = markedHeaders(raw, clock.nowMs());
  let signal = closingOf(raw.socket);
  try {
    const target = parseFunctionPath(raw.url ?? '', '/function/');
    const body = await takeBody(raw, maxBodyBytes);
    if (body instanceof Readable) signal = breakingOf(body, res);
    const request = { method: raw.method ?? 'GET', path: target.path, query: target.query, headers, body };
    const response = await invoke(target.name, request, { signal });
    await answer(response, { raw, res, headers });
  } catch (err) {
    refuse(signal.aborted ? signal.reason : err, { raw, res, headers }, options);
  }
}

const closings = new WeakMap<Socket, AbortSignal>();

/** Aborts when the client leaves. All requests of a connection share it: to make one for each is dear. */
function closingOf(socket: Socket): AbortSignal {
  const known = closings.get(socket);
  if (known !== undefined) return known;
  const abort = new AbortController();
  setMaxListeners(0, abort.signal); // a client may send requests without waiting for the answers
  socket.once('close', () => abort.abort(clientLeft()));
  closings.set(socket, abort.signal);
  return abort.signal;
}

/** Aborts when the client leaves before it has the whole answer, and when its request breaks off. */
function breakingOf(body: Readable, res: ServerResponse): AbortSignal {
  const abort = new AbortController();
  res.once('close', () => {
    if (!res.writableFinished) abort.abort(clientLeft());
  });
  body.once('error', (err) => abort.abort(err));
  return abort.signal;
}

/** The headers for the function, with the call's id and start (ns since the epoch). */
export function markedHeaders(raw: IncomingMessage, nowMs: number): Record<string, string | string[]> {
  const headers = requestHeaders(raw);
  headers['x-call-id'] ??= randomUUID();
  headers['x-start-time'] ??= `${Math.round(nowMs * 1_000)}000`;
  return headers;
}

interface Call {
  readonly raw: IncomingMessage;
  readonly res: ServerResponse;
  /** What the function is given. */
  readonly headers: Readonly<Record<string, string | string[]>>;
}

/** Tells the caller when the call began, and its id unless it chose that itself. */
function mark(
  head: Record<string, string | string[]>,
  { raw, headers }: Pick<Call, 'raw' | 'headers'>,
): void {
  head['x-start-time'] ??= headers['x-start-time'] ?? '';
  if (raw.headers['x-call-id'] === undefined) head['x-call-id'] ??= headers['x-call-id'] ?? '';
}

async function answer(
  { status, headers, body }: FunctionResponse,
  { raw, res, headers: asked }: Call,
): Promise<void> {
  const isHead = raw.method === 'HEAD';
  try {
    // Nothing would ever drain a response whose client has gone: the body would wait, and its connection with it.
    if (res.destroyed) throw clientLeft();
    const head = endToEnd(headers);
    mark(head, { raw, headers: asked });
    // What a function says of a body that HEAD leaves out is right; otherwise we know better.
    const isKnown = isHead && head['content-length'] !== undefined;
    if (!(body instanceof Readable) && status !== 204 && !isKnown)
      head['content-length'] = String(body.byteLength);
    res.writeHead(status, head);
    if (isHead || status === 204 || status === 304) {
      if (body instanceof Readable) body.destroy();
      res.end();
    } else if (body instanceof Readable) {
      // Of unknown length is what comes little by little (server-sent events): its reader wants to know that it began.
      if (head['content-length'] === undefined) res.flushHeaders();
      await pipeline(body, res);
    } else res.end(body);
  } catch (err) {
    if (body instanceof Readable) body.destroy();
    throw err;
  }
}

function refuse(err: unknown, { raw, res, headers }: Call, { clock, log }: Options): void {
  const error = toGatewayError(err);
  if (error.code === 'INTERNAL') log.error({ err, url: raw.url }, 'call failed');
  if (res.destroyed) return;
  if (res.headersSent) {
    res.destroy(); // an answer that breaks off must not look complete
    return;
  }
  const refusal = toRefusal(error, raw.headers.accept);
  const head = { ...refusal.headers, 'content-length': String(Buffer.byteLength(refusal.body)) };
  mark(head, { raw, headers });
  res.writeHead(refusal.status, head);
  res.end(refusal.body);
  linger(raw, clock);
}
