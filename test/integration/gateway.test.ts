import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FunctionRequest, FunctionResponse } from '../../src/functions/endpoint.ts';
import type { InvokeOptions } from '../../src/functions/invoke.ts';
import type { GatewayOptions } from '../../src/gateway/ports.ts';
import { Gateway } from '../../src/gateway/server.ts';
import { BrambleError } from '../../src/support/errors.ts';
import { authorization, fakeParts } from '../support/gateway.ts';
import { until } from '../support/wait.ts';

type Handler = (request: FunctionRequest, options: InvokeOptions) => Promise<FunctionResponse>;

let parts: ReturnType<typeof fakeParts>;
let gateway: Gateway;
let handle: Handler;
const sockets: Socket[] = [];

const ok = (body: FunctionResponse['body'] = Buffer.from('hello'), headers = {}): FunctionResponse => ({
  status: 200,
  headers,
  body,
});

beforeEach(async () => {
  parts = fakeParts();
  await parts.bus.start();
  handle = async () => ok();
  gateway = new Gateway({ ...parts.options, invoke: (_name, request, options) => handle(request, options) });
  await gateway.start(new AbortController().signal);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await gateway.stop();
});

function start(
  path: string,
  options: { method?: string; headers?: Record<string, string>; agent?: Agent } = {},
) {
  const outgoing = httpRequest({ host: '127.0.0.1', port: gateway.port, path, ...options });
  outgoing.on('error', () => {}); // a test that cares looks at the response
  return outgoing;
}

async function ask(path: string, options: Parameters<typeof start>[1] & { body?: Uint8Array | string } = {}) {
  const { body, ...rest } = options;
  const outgoing = start(path, { ...rest, ...(body === undefined ? {} : { method: 'POST' }) });
  const responded = once(outgoing, 'response') as Promise<[IncomingMessage]>; // what the event carries
  outgoing.end(body);
  const [response] = await responded;
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

async function openSocket(): Promise<Socket> {
  const socket = connect(gateway.port, '127.0.0.1');
  socket.on('error', () => {});
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

describe('streaming through the gateway', () => {
  it('hands a body of unknown length on while it still comes', async () => {
    const seen: string[] = [];
    handle = async ({ body }) => {
      if (!(body instanceof Readable)) throw new Error('expected a stream');
      for await (const chunk of body) seen.push(String(chunk));
      return ok(Buffer.from(seen.join('')));
    };
    const outgoing = start('/function/echo', { method: 'POST' });
    outgoing.write('one ');
    await until('the first piece has reached the function', () => seen.length === 1);
    const responded = once(outgoing, 'response');
    outgoing.end('two');
    const [response] = await responded;
    expect(await text(response)).toBe('one two');
  });

  it('hands a small body on whole, so that a call can be repeated', async () => {
    handle = async ({ body }) => ok(Buffer.from(String(body instanceof Uint8Array)));
    expect((await ask('/function/echo', { body: 'x'.repeat(64 * 1024) })).body).toBe('true');
    expect((await ask('/function/echo', { body: 'x'.repeat(64 * 1024 + 1) })).body).toBe('false');
  });

  it('carries large bodies both ways unharmed', async () => {
    handle = async ({ body }) =>
      body instanceof Readable ? ok(body) : Promise.reject(new Error('expected a stream'));
    const sent = Buffer.alloc(1024 * 1024, 'bramble ');
    const outgoing = start('/function/echo', { method: 'POST' });
    const responded = once(outgoing, 'response');
    Readable.from([sent.subarray(0, 700_000), sent.subarray(700_000)]).pipe(outgoing);
    const [response] = await responded;
    expect(Buffer.compare(await buffer(response), sent)).toBe(0);
  });

  it('flushes headers and each event of a stream at once', async () => {
    const events = new PassThrough();
    handle = async () => ok(events, { 'content-type': 'text/event-stream' });
    const outgoing = start('/function/echo');
    outgoing.end();
    const [response] = await once(outgoing, 'response');
    expect(response.headers['content-type']).toBe('text/event-stream');
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      const arrived = once(response, 'data');
      events.write(event);
      expect(String((await arrived)[0])).toBe(event);
    }
    events.end();
    await once(response.resume(), 'end');
  });

  it('reads no faster than a slow client', async () => {
    let made = 0;
    const source = new Readable({
      read() {
        made += 1;
        this.push(made > 2_000 ? null : Buffer.alloc(64 * 1024));
      },
    });
    handle = async () => ok(source);
    const outgoing = start('/function/echo');
    outgoing.end();
    const [response] = await once(outgoing, 'response');
    let before = -1;
    await until('the source stands still', async () => {
      const isStill = made === before && made > 0;
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 50));
      return isStill;
    });
    expect(made).toBeLessThan(2_000);
    let bytes = 0;
    for await (const chunk of response) bytes += chunk.length;
    expect(bytes).toBe(2_000 * 64 * 1024);
  });

  it('breaks an answer off visibly when the function dies in the middle of it', async () => {
    const body = new PassThrough();
    handle = async () => ok(body);
    const outgoing = start('/function/echo');
    outgoing.end();
    const [response] = await once(outgoing, 'response');
    body.write('half');
    await once(response, 'data');
    body.destroy(new Error('died'));
    await expect(text(response)).rejects.toThrow('aborted');
  });
});

describe('limits of the gateway', () => {
  it('answers 413 when a stream turns out to be too long, and the function hears of it', async () => {
    let reason: unknown;
    handle = async ({ body }, { signal }) => {
      signal.addEventListener('abort', () => {
        reason = signal.reason;
      });
      return ok(body instanceof Readable ? await buffer(body) : body);
    };
    const outgoing = start('/function/echo', { method: 'POST' });
    const responded = once(outgoing, 'response');
    Readable.from(Array.from({ length: 40 }, () => Buffer.alloc(64 * 1024))).pipe(outgoing);
    const [response] = await responded;
    expect([response.statusCode, await text(response)]).toEqual([
      413,
      expect.stringContaining('1048576 bytes'),
    ]);
    expect(reason).toMatchObject({ code: 'BODY_TOO_LARGE' });
  });

  it('lets a client that announced too much see the answer', async () => {
    const response = await ask('/function/echo', { body: Buffer.alloc(8 * 1024 * 1024) });
    expect(response.status).toBe(413);
  });

  it('lets a client that sends a huge JSON body see the answer', async () => {
    const response = await ask('/system/functions', {
      headers: { authorization },
      body: Buffer.alloc(8 * 1024 * 1024, ' '),
    });
    expect(response.status).toBe(413);
  });

  it('can answer after a function refused the body without reading it', async () => {
    handle = async ({ body }) => {
      if (body instanceof Readable) body.destroy();
      throw new BrambleError('FUNCTION_UNREADY', 'no replica is ready');
    };
    const response = await ask('/function/echo', { body: Buffer.alloc(512 * 1024) });
    expect([response.status, response.body]).toEqual([503, 'no replica is ready']);
  });

  it('lives on after headers that are too large', async () => {
    const headers = { 'x-big': 'x'.repeat(100_000) };
    // Closed while the client still sends: it may see the reset before the answer.
    const outcome = await ask('/healthz', { headers }).catch(() => 'reset');
    expect(typeof outcome === 'string' || outcome.status === 431).toBe(true);
    expect((await ask('/healthz')).status).toBe(200);
  });

  it('answers what is no HTTP with 400 and closes', async () => {
    const socket = await openSocket();
    socket.end('this is not HTTP\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('clients that leave', () => {
  it('abort the call', async () => {
    let reason: unknown;
    let isCalled = false;
    handle = (_request, { signal }) =>
      new Promise((_, reject) => {
        isCalled = true;
        signal.addEventListener('abort', () => {
          reason = signal.reason;
          reject(signal.reason);
        });
      });
    const outgoing = start('/function/echo');
    outgoing.end();
    await until('the function is called', () => isCalled);
    outgoing.destroy();
    await until('the call is aborted', () => reason !== undefined);
    expect(reason).toMatchObject({ code: 'CANCELLED' });
  });

  it('abort all calls of their connection, and none of another that is served later', async () => {
    let running = 0;
    const reasons: unknown[] = [];
    handle = (_request, { signal }) =>
      new Promise((_, reject) => {
        running += 1;
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          reject(signal.reason);
        });
      });
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on('warning', warn);
    const socket = await openSocket();
    socket.write('GET /function/echo HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(20));
    await until('all are being served', () => running === 20);
    socket.resetAndDestroy();
    await until('all are aborted', () => reasons.length === 20);
    process.off('warning', warn);
    expect(warnings).toEqual([]);
    handle = async (_request, { signal }) => ok(Buffer.from(String(signal.aborted)));
    expect((await ask('/function/echo')).body).toBe('false');
  });

  it('close the function’s answer, also one that comes after they left', async () => {
    const body = new PassThrough();
    let answer = (_: FunctionResponse) => {};
    let isAborted = false;
    handle = (_request, { signal }) => {
      signal.addEventListener('abort', () => {
        isAborted = true;
      });
      return new Promise((resolve) => {
        answer = resolve;
      });
    };
    const outgoing = start('/function/echo');
    outgoing.end();
    const asked = answer;
    await until('the function is called', () => answer !== asked);
    outgoing.destroy();
    await until('the call is aborted', () => isAborted);
    answer(ok(body));
    await until('the answer is closed', () => body.destroyed);
  });

  it('leave a gateway that serves on, 256 of them at once', async () => {
    let running = 0;
    let ended = 0;
    handle = async (_request, { signal }) => {
      running += 1;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      ended += 1;
      return ok(Readable.from([Buffer.alloc(256 * 1024)]));
    };
    const storm = await Promise.all(Array.from({ length: 256 }, openSocket));
    for (const socket of storm) socket.write('GET /function/echo HTTP/1.1\r\nHost: x\r\n\r\n');
    await until('all are being served', () => running === 256);
    for (const socket of storm) socket.resetAndDestroy();
    await until('all have ended', () => ended === 256);
    handle = async () => ok(Readable.from([Buffer.alloc(256 * 1024)]));
    const answers = await Promise.all(Array.from({ length: 64 }, () => ask('/function/echo')));
    expect(answers.map(({ status, body }) => [status, body.length])).toEqual(
      Array(64).fill([200, 256 * 1024]),
    );
  });
});

describe('/bramble/events over a socket', () => {
  const tail = async (query = '') => {
    const outgoing = start(`/bramble/events${query}`, { headers: { authorization } });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]; // what the event carries
    return response;
  };

  it('shows messages that match as they come', async () => {
    const response = await tail('?filter=sensors/%2B');
    let seen = '';
    response.setEncoding('utf8').on('data', (chunk) => {
      seen += chunk;
    });
    const publish = () =>
      Promise.all([
        parts.bus.publish({ topic: 'sensors/a', payload: '{"celsius":21}', properties: { id: '1' } }),
        parts.bus.publish({ topic: 'sensors/b', payload: new Uint8Array([0xff]) }),
        parts.bus.publish({ topic: 'other/a', payload: 'no' }),
      ]);
    await until('the tail is subscribed', async () => {
      await publish();
      return seen.includes('sensors/b');
    });
    const messages = [...seen.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1] ?? ''));
    expect(messages[0]).toMatchObject({
      topic: 'sensors/a',
      retain: false,
      properties: { id: '1' },
      data: { celsius: 21 },
    });
    expect(messages[1]).toMatchObject({ topic: 'sensors/b', data_base64: '/w==' });
    expect(seen).not.toContain('other/a');
  });

  it('cuts a reader that is too slow, and tells it so', async () => {
    const response = await tail('?filter=%23');
    const message = { topic: 'big', payload: 'x'.repeat(512 * 1024) };
    // Written to the socket until the kernel takes no more, then to memory until the limit.
    for (let i = 0; i < 40; i += 1) await parts.bus.publish(message);
    const seen = await text(response);
    expect(seen.slice(-200)).toMatch(/event: cut\ndata: \{"reason":"the reader is too slow/);
  });

  it('takes its subscription back when the reader leaves', async () => {
    let unsubscribed = 0;
    const { bus } = parts;
    const watched: GatewayOptions['bus'] = {
      subscribe: async (...subscription) => {
        const unsubscribe = await bus.subscribe(...subscription);
        return async () => {
          unsubscribed += 1;
          await unsubscribe();
        };
      },
    };
    await gateway.stop();
    gateway = new Gateway({ ...parts.options, metrics: fakeParts().options.metrics, bus: watched });
    await gateway.start(new AbortController().signal);
    const response = await tail();
    response.destroy();
    await until('the subscription is taken back', () => unsubscribed === 1);
  });

  it('says why when the broker refuses', async () => {
    const { bus } = parts;
    bus.subscribe = () => Promise.reject(new BrambleError('BUS_REFUSED', 'not authorized'));
    expect(await text(await tail())).toContain('event: cut\ndata: {"reason":"not authorized"}');
  });

  it('bounds the number of tails', async () => {
    await Promise.all(Array.from({ length: 32 }, () => tail()));
    expect((await ask('/bramble/events', { headers: { authorization } })).status).toBe(429);
  });
});

describe('/system/logs over a socket', () => {
  it('follows until the client leaves', async () => {
    parts.runtime.lines.push({ name: 'echo', instance: 'a', timestamp: '2026-01-01T00:00:00Z', text: 'one' });
    const outgoing = start('/system/logs?name=echo&follow=true', { headers: { authorization } });
    outgoing.end();
    const [response] = await once(outgoing, 'response');
    expect(String((await once(response, 'data'))[0])).toContain('"text":"one"');
    outgoing.destroy();
    await until('the log query is aborted', () => parts.runtime.logQueries[0]?.signal.aborted);
  });
});

describe('starting and stopping the gateway', () => {
  it('says which port is taken and what to do', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const second = new Gateway({ ...parts.options, port, metrics: fakeParts().options.metrics });
    await expect(second.start(new AbortController().signal)).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringMatching(new RegExp(`port ${port} of 127.0.0.1.*gateway\\.port`)),
    });
    server.close();
  });

  it('says so when the host is no address of this machine', async () => {
    const lost = new Gateway({ ...parts.options, host: '192.0.2.1', metrics: fakeParts().options.metrics });
    await expect(lost.start(new AbortController().signal)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('tells its addresses', () => {
    expect(gateway.addresses).toEqual([`http://127.0.0.1:${gateway.port}`]);
  });

  it('finishes running requests, then closes their connections too', async () => {
    const agent = new Agent({ keepAlive: true });
    let finish = () => {};
    let isCalled = false;
    handle = () =>
      new Promise((resolve) => {
        isCalled = true;
        finish = () => resolve(ok());
      });
    const answered = ask('/function/echo', { agent });
    await until('the function is called', () => isCalled);
    const stopped = gateway.stop();
    await expect(openSocket().then((socket) => once(socket, 'close'))).rejects.toBeDefined();
    finish();
    expect((await answered).body).toBe('hello');
    await stopped;
    agent.destroy();
  });

  it('ends streams at once and closes connections that idle', async () => {
    const agent = new Agent({ keepAlive: true });
    await ask('/healthz', { agent });
    const outgoing = start('/bramble/events', { headers: { authorization } });
    outgoing.end();
    const logs = start('/system/logs?name=echo&follow=1', { headers: { authorization } });
    logs.end();
    const [[response]] = await Promise.all([once(outgoing, 'response'), once(logs, 'response')]);
    const seen = text(response);
    await gateway.stop();
    expect(await seen).toContain('event: cut\ndata: {"reason":"the agent is stopping"}');
    agent.destroy();
  });

  it('cuts a request that does not end', async () => {
    let isCalled = false;
    handle = () =>
      new Promise(() => {
        isCalled = true;
      });
    const outgoing = start('/function/echo');
    const closed = new Promise((resolve) => outgoing.once('close', resolve));
    outgoing.end();
    await until('the function is called', () => isCalled);
    await gateway.stop();
    await closed;
  });

  it('stops when it never started', async () => {
    await new Gateway({ ...parts.options, metrics: fakeParts().options.metrics }).stop();
  });
});
