import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
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
  const abort = new AbortController();
  res.once('close', () => {
    if (!res.writableFinished) abort.abort(clientLeft());
  });
  try {
    const target = parseFunctionPath(raw.url ?? '', '/function/');
    const headers = markCall(raw, res, clock.nowMs());
    const body = await takeBody(raw, maxBodyBytes);
    if (body instanceof Readable) body.once('error', (err) => abort.abort(err));
    const request = { method: raw.method ?? 'GET', path: target.path, query: target.query, headers, body };
    const response = await invoke(target.name, request, { signal: abort.signal });
    await answer(response, res, raw.method === 'HEAD');
  } catch (err) {
    refuse({ raw, res, err: abort.signal.aborted ? abort.signal.reason : err }, options);
  }
}

/** Gives the call its id and start (ns since the epoch), for the function and for the caller; returns the headers. */
export function markCall(
  raw: IncomingMessage,
  res: ServerResponse,
  nowMs: number,
): Record<string, string | readonly string[]> {
  const headers = requestHeaders(raw);
  const startTime = `${Math.round(nowMs * 1_000)}000`;
  headers['x-start-time'] ??= startTime;
  res.setHeader('X-Start-Time', startTime);
  if (headers['x-call-id'] === undefined) {
    const id = randomUUID();
    headers['x-call-id'] = id;
    res.setHeader('X-Call-Id', id);
  }
  return headers;
}

async function answer(
  { status, headers, body }: FunctionResponse,
  res: ServerResponse,
  isHead: boolean,
): Promise<void> {
  try {
    // Nothing would ever drain a response whose client has gone: the body would wait, and its connection with it.
    if (res.destroyed) throw clientLeft();
    for (const [name, value] of Object.entries(endToEnd(headers))) res.setHeader(name, value);
    // What a function says of a body that HEAD leaves out is right; otherwise we know better.
    const isKnown = isHead && res.hasHeader('content-length');
    if (!(body instanceof Readable) && status !== 204 && !isKnown)
      res.setHeader('content-length', body.byteLength);
    res.writeHead(status);
    const hasBody = !isHead && status !== 204 && status !== 304;
    if (hasBody && body instanceof Readable) return await stream(body, res);
    if (body instanceof Readable) body.destroy();
    res.end(hasBody ? body : undefined);
  } catch (err) {
    if (body instanceof Readable) body.destroy();
    throw err;
  }
}

async function stream(body: Readable, res: ServerResponse): Promise<void> {
  // Of unknown length is what comes little by little (server-sent events): its reader wants to know that it began.
  if (!res.hasHeader('content-length')) res.flushHeaders();
  await pipeline(body, res);
}

function refuse(
  { raw, res, err }: { raw: IncomingMessage; res: ServerResponse; err: unknown },
  { clock, log }: Options,
): void {
  const error = toGatewayError(err);
  if (error.code === 'INTERNAL') log.error({ err, url: raw.url }, 'call failed');
  if (res.destroyed) return;
  if (res.headersSent) {
    res.destroy(); // an answer that breaks off must not look complete
    return;
  }
  const refusal = toRefusal(error, raw.headers.accept);
  for (const name of res.getHeaderNames()) if (!name.startsWith('x-')) res.removeHeader(name);
  res.writeHead(refusal.status, { ...refusal.headers, 'content-length': Buffer.byteLength(refusal.body) });
  res.end(refusal.body);
  linger(raw, clock);
}
