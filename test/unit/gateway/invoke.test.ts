import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FunctionResponse } from '../../../src/functions/endpoint.ts';
import { createApp } from '../../../src/gateway/app.ts';
import type { App } from '../../../src/gateway/app-types.ts';
import { OpenStreams } from '../../../src/gateway/open-streams.ts';
import { BrambleError, type ErrorCode } from '../../../src/support/errors.ts';
import { fakeParts } from '../../support/gateway.ts';

let parts: ReturnType<typeof fakeParts>;
let answer: () => Promise<FunctionResponse>;
let app: App;

beforeEach(async () => {
  parts = fakeParts();
  const { invoke } = parts.options;
  answer = async () => ({ status: 200, headers: {}, body: Buffer.from('hello') });
  app = await createApp(
    {
      ...parts.options,
      invoke: async (...call) => {
        await invoke(...call);
        return answer();
      },
    },
    { streams: new OpenStreams(), addresses: () => [] },
  );
});
afterEach(() => app.close());

function lastCall() {
  const call = parts.calls.at(-1);
  if (call === undefined) throw new Error('nothing was called');
  return call;
}

describe('/function', () => {
  it.each([
    'GET',
    'HEAD',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'OPTIONS',
    'TRACE',
    'PROPFIND',
    'PURGE',
  ] as const)('hands on %s', async (method) => {
    const inject = { method: method as 'GET', url: '/function/echo' }; // the type lacks WebDAV's methods
    const response = await app.inject(inject);
    expect(response.statusCode).toBe(200);
    expect(response.body).toBe(method === 'HEAD' ? '' : 'hello');
    expect(lastCall().request.method).toBe(method);
  });

  it('tells by HEAD the length that a GET would have', async () => {
    const head = () => app.inject({ method: 'HEAD', url: '/function/echo' });
    expect((await head()).headers['content-length']).toBe('5');
    answer = async () => ({ status: 200, headers: { 'content-length': '4711' }, body: Buffer.alloc(0) });
    expect((await head()).headers['content-length']).toBe('4711');
  });

  it('hands on path, query and body as they were sent, whatever their type says', async () => {
    await app.inject({
      method: 'POST',
      url: '/function/echo.openfaas-fn/a%20b/c/?x=%31&y',
      headers: { 'content-type': 'nonsense' },
      payload: '{"broken',
    });
    const { name, request } = lastCall();
    expect([name, request.path, request.query]).toEqual(['echo', '/a%20b/c/', 'x=%31&y']);
    expect(Buffer.from(request.body as Uint8Array).toString()).toBe('{"broken');
  });

  it('takes hop-by-hop headers away, and those that connection names', async () => {
    await app.inject({
      url: '/function/echo',
      headers: {
        connection: 'keep-alive, X-Mine',
        'x-mine': '1',
        te: 'gzip',
        upgrade: 'h2c',
        'x-other': '2',
      },
    });
    const { headers } = lastCall().request;
    for (const name of ['connection', 'x-mine', 'te', 'upgrade', 'host'])
      expect(headers).not.toHaveProperty(name);
    expect(headers['x-other']).toBe('2');
  });

  it('says who called which host, unless somebody did before', async () => {
    await app.inject({ url: '/function/echo', headers: { host: 'pi:8080' } });
    expect(lastCall().request.headers).toMatchObject({
      'x-forwarded-host': 'pi:8080',
      'x-forwarded-for': expect.stringMatching(/^127\.0\.0\.1:\d*$/),
    });
    const headers = { host: 'pi', 'x-forwarded-host': 'site', 'x-forwarded-for': '10.0.0.1' };
    await app.inject({ url: '/function/echo', headers });
    expect(lastCall().request.headers).toMatchObject({
      'x-forwarded-host': 'site',
      'x-forwarded-for': '10.0.0.1',
    });
  });

  it('gives a call its id and start', async () => {
    const { headers } = await app.inject('/function/echo');
    expect(headers['x-call-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers['x-start-time']).toMatch(/^\d{19}$/);
    const sent = lastCall().request.headers;
    expect([sent['x-call-id'], sent['x-start-time']]).toEqual([
      headers['x-call-id'],
      headers['x-start-time'],
    ]);
  });

  it('keeps the id that the caller gave, and does not repeat it', async () => {
    const { headers } = await app.inject({ url: '/function/echo', headers: { 'x-call-id': 'mine' } });
    expect(lastCall().request.headers['x-call-id']).toBe('mine');
    expect(headers).not.toHaveProperty('x-call-id');
  });

  it('passes the function’s own status and headers on', async () => {
    answer = async () => ({
      status: 418,
      headers: {
        'set-cookie': ['a=1', 'b=2'],
        'x-call-id': 'theirs',
        connection: 'close',
        'x-duration-seconds': '0.1',
      },
      body: Readable.from([Buffer.from('tea'), Buffer.from('pot')]),
    });
    const response = await app.inject('/function/echo');
    expect([response.statusCode, response.body]).toEqual([418, 'teapot']);
    expect(response.headers).toMatchObject({
      'set-cookie': ['a=1', 'b=2'],
      'x-call-id': 'theirs',
      'x-duration-seconds': '0.1',
    });
    expect(response.headers.connection).not.toBe('close');
  });

  it.each([204, 304])('sends no body with status %i', async (status) => {
    answer = async () => ({ status, headers: {}, body: Buffer.from('none') });
    const response = await app.inject('/function/echo');
    expect([response.statusCode, response.body]).toEqual([status, '']);
  });

  it.each<[ErrorCode, number]>([
    ['FUNCTION_NOT_FOUND', 404],
    ['BODY_TOO_LARGE', 413],
    ['BUSY', 429],
    ['FUNCTION_FAILED', 500],
    ['FUNCTION_UNREADY', 503],
    ['FUNCTION_TIMEOUT', 504],
  ])('answers %s with %i and says which limit was hit', async (code, status) => {
    answer = () => Promise.reject(new BrambleError(code, 'exec_timeout of 30 s passed'));
    const response = await app.inject('/function/echo');
    expect([response.statusCode, response.body]).toEqual([status, 'exec_timeout of 30 s passed']);
    expect(response.headers['content-type']).toContain('text/plain');
    expect(response.headers['x-bramble-error']).toBe(code);
    expect(response.headers['x-start-time']).toBeDefined();
    expect(response.headers['retry-after']).toBe(status === 429 || status === 503 ? '1' : undefined);
  });

  it('answers a function with impossible headers with 500', async () => {
    const body = Readable.from(['x']);
    answer = async () => ({ status: 200, headers: { 'x-bad': 'a\nb', 'content-length': '1' }, body });
    const response = await app.inject('/function/echo');
    expect([response.statusCode, response.body]).toEqual([500, 'a defect in Bramble']);
    expect(body.destroyed).toBe(true);
  });

  it('refuses a body that says it is over the limit before reading it', async () => {
    const response = await app.inject({
      method: 'POST',
      url: '/function/echo',
      payload: Buffer.alloc(parts.options.maxBodyBytes + 1),
    });
    expect([response.statusCode, response.body]).toEqual([413, expect.stringContaining('1048576 bytes')]);
    expect(parts.calls).toEqual([]);
  });

  it('knows neither other functions nor other namespaces', async () => {
    expect((await app.inject('/function/nope')).statusCode).toBe(404);
    expect((await app.inject('/function/echo.other')).statusCode).toBe(404);
    expect((await app.inject('/function/')).statusCode).toBe(404);
  });
});

describe('/async-function', () => {
  const call = (url: string, headers: Record<string, string> = {}) =>
    app.inject({ method: 'POST', url, headers, payload: 'work' });

  it('answers 202 with the call’s id when it is stored', async () => {
    const response = await call('/async-function/echo.openfaas-fn/sub?x=1', {
      'x-callback-url': 'http://10.0.0.1/done',
      'content-type': 'text/plain',
    });
    expect([response.statusCode, response.body]).toEqual([202, '']);
    expect(response.headers['x-call-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(response.headers['x-start-time']).toMatch(/^\d{19}$/);
    expect(parts.accepted).toMatchObject([
      {
        name: 'echo',
        call: {
          callbackUrl: 'http://10.0.0.1/done',
          method: 'POST',
          path: '/sub',
          query: 'x=1',
          headers: { 'content-type': 'text/plain', 'x-call-id': response.headers['x-call-id'] },
        },
      },
    ]);
    expect(Buffer.from(parts.accepted[0]?.call.body ?? []).toString()).toBe('work');
  });

  it('answers with the id that the caller gave', async () => {
    expect((await call('/async-function/echo', { 'x-call-id': 'mine' })).headers['x-call-id']).toBe('mine');
  });

  it.each(['not a url', '/relative', 'ftp://host/x', 'javascript:1'])(
    'refuses the callback %s',
    async (url) => {
      const response = await call('/async-function/echo', { 'x-callback-url': url });
      expect([response.statusCode, response.body]).toEqual([400, expect.stringContaining('x-callback-url')]);
      expect(parts.accepted).toEqual([]);
    },
  );

  it('answers an unknown function with 404, another method with 405, too much with 413', async () => {
    expect((await call('/async-function/nope')).statusCode).toBe(404);
    expect((await app.inject('/async-function/echo')).statusCode).toBe(405);
    const payload = Buffer.alloc(parts.options.maxBodyBytes + 1);
    expect((await app.inject({ method: 'POST', url: '/async-function/echo', payload })).statusCode).toBe(413);
  });
});
