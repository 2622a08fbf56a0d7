import { once } from 'node:events';
import { request as httpRequest, type RequestListener } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { CallSettings } from '../../src/functions/call/call-context.ts';
import { HttpEndpoint } from '../../src/functions/endpoint.http.ts';
import { Gateway } from '../../src/gateway/server.ts';
import { systemClock } from '../../src/support/clock.system.ts';
import { fakeParts } from '../support/gateway.ts';
import { type HttpServer, startHttpServer } from '../support/http-server.ts';
import { freePort } from '../support/ports.ts';
import { bodyOf, buildRequest, codeOf, never, textOf } from '../support/requests.ts';
import { until } from '../support/wait.ts';

describe('an HTTP endpoint', () => {
  const cleanUps: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  function endpointAt(address: string, settings: Partial<CallSettings> = {}, maxAnswerBytes = 1_000_000) {
    const endpoint = new HttpEndpoint({
      id: 'task-1',
      node: 'pi-01',
      address,
      context: {
        name: 'fn',
        settings: {
          execTimeoutMs: 20_000,
          readTimeoutMs: 20_000,
          writeTimeoutMs: 20_000,
          maxInflight: 0,
          ...settings,
        },
        clock: systemClock,
        maxAnswerBytes,
      },
    });
    cleanUps.push(() => endpoint.close(systemClock, 0));
    return endpoint;
  }

  async function serve(listener: RequestListener): Promise<HttpServer> {
    const server = await startHttpServer(listener);
    cleanUps.push(() => server.close());
    return server;
  }

  const echo: RequestListener = (request, response) => {
    response.setHeader('x-seen', `${request.method} ${request.url}`);
    request.pipe(response);
  };

  it('passes on method, path, query, headers and body, and brings back status, headers and body', async () => {
    let seen: NodeJS.Dict<string | string[]> = {};
    const { address } = await serve((request, response) => {
      seen = request.headers;
      response.writeHead(201, { 'set-cookie': ['a=1', 'b=2'], 'x-line': `${request.method} ${request.url}` });
      request.pipe(response);
    });
    const request = buildRequest('/a/b?c=d&e', {
      method: 'PUT',
      headers: { 'x-own': 'yes' },
      body: Buffer.from('hello'),
    });
    const response = await endpointAt(address).invoke(request, { signal: never });
    expect(response).toMatchObject({
      status: 201,
      headers: { 'set-cookie': ['a=1', 'b=2'], 'x-line': 'PUT /a/b?c=d&e' },
    });
    expect(await textOf(response)).toBe('hello');
    expect(seen).toMatchObject({ 'x-own': 'yes', host: address });
  });

  const large = 'a'.repeat(300_000);
  it.each([
    ['closes the connection', `HTTP/1.1 200 OK\r\nContent-Length: ${large.length}\r\nConnection: close`],
    ['ends with the connection', 'HTTP/1.1 200 OK'],
    ['speaks HTTP/1.0', `HTTP/1.0 200 OK\r\nContent-Length: ${large.length}`],
    ['keeps the connection', `HTTP/1.1 200 OK\r\nContent-Length: ${large.length}\r\nConnection: keep-alive`],
  ])('brings a large answer to a slow reader when the function %s', async (_, head) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      const isKept = head.includes('keep-alive');
      socket.once('data', () => socket[isKept ? 'write' : 'end'](`${head}\r\n\r\n${large}`));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    cleanUps.push(async () => server.close()); // after the endpoint, which keeps a connection
    const { port } = server.address() as AddressInfo;
    const response = await endpointAt(`127.0.0.1:${port}`).invoke(buildRequest('/'), { signal: never });
    let bytes = 0;
    for await (const chunk of response.body as Readable) {
      bytes += chunk.length;
      await sleep(50); // the connection has ended by then
    }
    expect(bytes).toBe(large.length);
  });

  it('removes the headers of a single connection, both ways', async () => {
    let seen: NodeJS.Dict<string | string[]> = {};
    const { address } = await serve((request, response) => {
      seen = request.headers;
      response.writeHead(200, { 'keep-alive': 'timeout=9', connection: 'keep-alive', te: 'x' }).end('ok');
    });
    const headers = {
      te: 'trailers',
      'proxy-connection': 'keep-alive',
      expect: '100-continue',
      'x-own': '1',
    };
    const response = await endpointAt(address).invoke(buildRequest('/', { headers }), { signal: never });
    expect(Object.keys(seen).sort()).toEqual(['connection', 'content-length', 'host', 'x-own']);
    expect(Object.keys(response.headers)).toEqual(
      expect.not.arrayContaining(['keep-alive', 'connection', 'te']),
    );
  });

  it('adds how long it took, unless the watchdog said so', async () => {
    const { address } = await serve((request, response) => {
      if (request.url === '/own') response.setHeader('x-duration-seconds', '0.000042');
      response.end();
    });
    const endpoint = endpointAt(address);
    const own = await endpoint.invoke(buildRequest('/own'), { signal: never });
    const added = await endpoint.invoke(buildRequest('/'), { signal: never });
    expect(own.headers['x-duration-seconds']).toBe('0.000042');
    expect(added.headers['x-duration-seconds']).toMatch(/^\d+\.\d{6}$/);
  });

  it('streams both ways at the same time', async () => {
    const { address } = await serve(echo);
    const body = new PassThrough();
    const calling = endpointAt(address).invoke(buildRequest('/', { body }), { signal: never });
    body.write('one');
    const response = await calling;
    const chunks = (response.body as Readable)[Symbol.asyncIterator]();
    expect(String((await chunks.next()).value)).toBe('one');
    body.write('two');
    expect(String((await chunks.next()).value)).toBe('two');
    body.end();
    expect((await chunks.next()).done).toBe(true);
  });

  it('carries bodies larger than any buffer between', async () => {
    const { address } = await serve(echo);
    const big = Buffer.alloc(8_000_000, 'x');
    const endpoint = endpointAt(address, {}, 10_000_000);
    const response = await endpoint.invoke(buildRequest('/', { body: Readable.from([big]) }), {
      signal: never,
    });
    expect((await bodyOf(response)).equals(big)).toBe(true);
    await until('it is through', () => endpoint.inFlight === 0);
  });

  it('answers HEAD without a body, whatever length is announced', async () => {
    const { address } = await serve((_request, response) =>
      response.writeHead(200, { 'content-length': '999999' }).end(),
    );
    const response = await endpointAt(address).invoke(buildRequest('/', { method: 'HEAD' }), {
      signal: never,
    });
    expect([response.status, await textOf(response)]).toEqual([200, '']);
  });

  it('is unready when nobody listens there, and leaves the stream to the next replica', async () => {
    const body = Readable.from(['hello']);
    const nobody = endpointAt(`127.0.0.1:${await freePort()}`);
    expect(await codeOf(nobody.invoke(buildRequest('/', { body }), { signal: never }))).toBe(
      'FUNCTION_UNREADY',
    );
    expect([body.readableDidRead, body.destroyed, nobody.inFlight]).toEqual([false, false, 0]);
    const { address } = await serve(echo);
    const response = await endpointAt(address).invoke(buildRequest('/', { body }), { signal: never });
    expect(await textOf(response)).toBe('hello');
  });

  it('is unready when its host does not answer at all', async () => {
    // A documentation address (RFC 5737): either nothing answers, or the network says that there is no way.
    const endpoint = endpointAt('192.0.2.1:8080');
    expect(await codeOf(endpoint.invoke(buildRequest(), { signal: never }))).toBe('FUNCTION_UNREADY');
  });

  it('fails when the answer breaks off, before its head or after', async () => {
    const { address } = await serve((request, response) => {
      if (request.url === '/early') return request.socket.destroy();
      response.writeHead(200, { 'content-length': '1000000' }).write('some', () => response.destroy());
    });
    const endpoint = endpointAt(address);
    expect(await codeOf(endpoint.invoke(buildRequest('/early'), { signal: never }))).toBe('FUNCTION_FAILED');
    const response = await endpoint.invoke(buildRequest('/late'), { signal: never });
    expect(await codeOf(bodyOf(response))).toBe('FUNCTION_FAILED');
    expect(endpoint.inFlight).toBe(0);
  });

  it('cuts off a call at exec_timeout, and one whose answer takes longer than write_timeout', async () => {
    const { address } = await serve((request, response) => {
      if (request.url === '/slow-body') response.writeHead(200).write('begun');
    });
    const silent = endpointAt(address, { execTimeoutMs: 50, writeTimeoutMs: 0 });
    expect(await codeOf(silent.invoke(buildRequest('/silent'), { signal: never }))).toBe('FUNCTION_TIMEOUT');
    const slow = endpointAt(address, { execTimeoutMs: 0, writeTimeoutMs: 50 });
    const response = await slow.invoke(buildRequest('/slow-body'), { signal: never });
    expect(await codeOf(bodyOf(response))).toBe('FUNCTION_TIMEOUT');
    expect([silent.inFlight, slow.inFlight]).toEqual([0, 0]);
  });

  it('cuts off an answer over the limit, announced or not', async () => {
    const { address } = await serve((request, response) => {
      if (request.url === '/announced') response.setHeader('content-length', 2_000);
      response.write('x'.repeat(1_000));
      response.end('x'.repeat(1_000));
    });
    const endpoint = endpointAt(address, {}, 1_500);
    expect(await codeOf(endpoint.invoke(buildRequest('/announced'), { signal: never }))).toBe(
      'BODY_TOO_LARGE',
    );
    const response = await endpoint.invoke(buildRequest('/chunked'), { signal: never });
    expect(await codeOf(bodyOf(response))).toBe('BODY_TOO_LARGE');
  });

  it('refuses more than max_inflight, and no longer when one has ended', async () => {
    const { address } = await serve((request, response) => {
      if (request.url === '/held') request.once('close', () => response.end());
      else response.end();
    });
    const endpoint = endpointAt(address, { maxInflight: 1 });
    const caller = new AbortController();
    const held = codeOf(endpoint.invoke(buildRequest('/held'), { signal: caller.signal }));
    expect(endpoint.inFlight).toBe(1);
    expect(await codeOf(endpoint.invoke(buildRequest(), { signal: never }))).toBe('BUSY');
    caller.abort();
    expect(await held).toBe('CANCELLED');
    expect((await endpoint.invoke(buildRequest(), { signal: never })).status).toBe(200);
  });

  it('lets no slow request hold up another', async () => {
    const held: (() => void)[] = [];
    const { address } = await serve((request, response) => {
      if (request.url === '/slow') held.push(() => response.end());
      else response.end();
    });
    const endpoint = endpointAt(address);
    const slow = Array.from({ length: 200 }, () =>
      endpoint.invoke(buildRequest('/slow'), { signal: new AbortController().signal }),
    );
    await until('all are there', () => held.length === 200);
    expect((await endpoint.invoke(buildRequest('/quick'), { signal: never })).status).toBe(200);
    for (const release of held) release();
    await Promise.all(slow);
  });

  it('finishes what runs when it is closed, and takes no more', async () => {
    let release: (() => void) | undefined;
    const { address } = await serve((_request, response) => {
      release = () => response.end('done');
    });
    const endpoint = endpointAt(address);
    const running = endpoint.invoke(buildRequest(), { signal: never }).then(textOf);
    const finish = await until('it runs', () => release);
    const closing = endpoint.close(systemClock, 20_000);
    expect(await codeOf(endpoint.invoke(buildRequest(), { signal: never }))).toBe('FUNCTION_UNREADY');
    finish();
    expect(await running).toBe('done');
    await closing;
  });

  it('fails what does not finish in time when it is closed', async () => {
    const { address } = await serve(() => {});
    const endpoint = endpointAt(address);
    const running = codeOf(endpoint.invoke(buildRequest(), { signal: never }));
    await until('it runs', () => endpoint.inFlight === 1);
    await endpoint.close(systemClock, 20);
    expect(await running).toBe('FUNCTION_FAILED');
  });

  it('gives its connection back when a caller leaves an answer half read', async () => {
    const { address } = await serve((_request, response) => {
      const more = () => {
        while (response.write('x'.repeat(10_000)));
        response.once('drain', more);
      };
      more();
    });
    const endpoint = endpointAt(address, {}, Number.MAX_SAFE_INTEGER);
    const response = await endpoint.invoke(buildRequest(), { signal: never });
    (response.body as Readable).destroy();
    await until('it is given back', () => endpoint.inFlight === 0);
  });

  it('serves on after a storm of callers that disconnect in the middle', async () => {
    const { address } = await serve((request, response) => {
      if (request.url === '/small') response.end('hello');
      else setTimeout(() => response.end('x'.repeat(300_000)), 5);
    });
    const endpoint = endpointAt(address, {}, 1_000_000);
    const gateway = new Gateway({
      ...fakeParts().options,
      invoke: (_name, request, options) => endpoint.invoke(request, options),
    });
    await gateway.start(never);
    cleanUps.push(() => gateway.stop());
    const call = (path: string) =>
      httpRequest({ port: gateway.port, host: '127.0.0.1', path: `/function/fn${path}`, agent: false });

    for (let round = 0; round < 4; round += 1) {
      const clients = Array.from({ length: 256 }, () => call('/large'));
      const ended = clients.map((client, i) => {
        client.on('error', () => {});
        // Some leave before an answer, some within it, without reading.
        client.once('response', (response) =>
          i % 2 === 0 ? client.destroy() : response.once('data', () => client.destroy()),
        );
        return new Promise((resolve) => client.once('close', resolve));
      });
      for (const client of clients) client.end();
      for (const [i, client] of clients.entries()) if (i % 3 === 0) setTimeout(() => client.destroy(), 3);
      await Promise.all(ended);
    }
    await until('nothing is left over', () => endpoint.inFlight === 0);

    const statuses = await Promise.all(
      Array.from(
        { length: 64 },
        () =>
          new Promise<number | undefined>((resolve, reject) =>
            call('/small')
              .once('response', (response) => resolve(response.resume().statusCode))
              .once('error', reject)
              .end(),
          ),
      ),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
  });
});
