import type { LightMyRequestResponse } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../../src/gateway/app.ts';
import type { App } from '../../../src/gateway/app-types.ts';
import { OpenStreams } from '../../../src/gateway/open-streams.ts';
import { authorization, fakeParts } from '../../support/gateway.ts';

let parts: ReturnType<typeof fakeParts>;
let app: App;

beforeEach(async () => {
  parts = fakeParts();
  app = await createApp(parts.options, { streams: new OpenStreams(), addresses: () => ['http://pi:8080'] });
});
afterEach(() => app.close());

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD' | 'PATCH';

/** With the password; bodies are JSON. */
async function ask(
  method: Method,
  url: string,
  payload?: object | string,
  headers: Record<string, string> = {},
): Promise<LightMyRequestResponse> {
  return await app.inject({
    method,
    url,
    headers: { authorization, ...headers },
    ...(payload === undefined ? {} : { payload }),
  });
}

describe('the gateway’s routing', () => {
  it('answers an unknown path with 404 and the text that clients know', async () => {
    const response = await ask('GET', '/nothing');
    expect([response.statusCode, response.body]).toEqual([404, '404 page not found']);
  });

  it('answers an unknown path with 404 whatever body comes with it', async () => {
    const response = await ask('POST', '/nothing', '{', { 'content-type': 'application/json' });
    expect(response.statusCode).toBe(404);
  });

  it('answers a known path with another method with 405, no body, and what is allowed', async () => {
    const response = await ask('PATCH', '/system/functions');
    expect([response.statusCode, response.body]).toEqual([405, '']);
    expect(response.headers.allow).toBe('GET, POST, PUT, DELETE');
  });

  it('sends a path that is not clean to the clean one, query and all', async () => {
    const response = await ask('GET', '/system//x/..%2F../%2e%2e/./functions?a=b');
    expect(response.statusCode).toBe(301);
    expect((await ask('GET', '//system/./x/%2E%2e/functions?a=b')).headers.location).toBe(
      '/system/functions?a=b',
    );
  });

  it('never redirects to another host', async () => {
    expect((await ask('GET', '//evil.example/..//evil.example')).headers.location).toBe('/evil.example');
  });

  it('answers a bad percent escape with 400', async () => {
    expect((await ask('GET', '/function/%zz')).statusCode).toBe(400);
  });

  it('leads from / to the page', async () => {
    const response = await app.inject('/');
    expect([response.statusCode, response.headers.location]).toEqual([301, '/ui/']);
  });
});

describe('the gateway’s password', () => {
  const isPublic = (url: string) =>
    ['/', '/ui', '/healthz', '/readyz', '/metrics', '/openapi.json'].includes(url) ||
    url.includes('function/{');

  it('is asked for on every route but the public ones', async () => {
    const { paths } = (await app.inject('/openapi.json')).json();
    const open: string[] = [];
    for (const [url, methods] of Object.entries<object>(paths))
      for (const method of Object.keys(methods)) {
        const response: LightMyRequestResponse = await app.inject({
          method: method.toUpperCase() as Method, // keys of the document are HTTP methods
          url: url.replace(/\{name\}/, 'echo').replace(/\{\w+\}/, '1'),
          ...(method === 'get' || method === 'head' ? {} : { payload: '{}' }),
        });
        if (response.statusCode !== 401) open.push(url);
      }
    expect([...new Set(open)].filter((url) => !(isPublic(url) && !url.startsWith('/system')))).toEqual([]);
    expect(open).toContain('/function/{name}');
  });

  it('is refused with the challenge and the text that clients know', async () => {
    const response = await app.inject('/system/functions');
    expect([response.statusCode, response.body]).toEqual([401, 'invalid credentials']);
    expect(response.headers['www-authenticate']).toBe('Basic realm="Restricted"');
  });

  it.each([
    ['a wrong password', `Basic ${Buffer.from('admin:wrong').toString('base64')}`],
    ['a wrong user', `Basic ${Buffer.from('root:secret').toString('base64')}`],
    ['another scheme', 'Bearer secret'],
    ['no base64', 'Basic ~~~'],
    ['nothing', 'Basic '],
  ])('is refused with %s', async (_, value) => {
    const response = await app.inject({ url: '/system/functions', headers: { authorization: value } });
    expect(response.statusCode).toBe(401);
  });

  it('does not serve changes that another site’s page asks for', async () => {
    const body = { service: 'new', image: 'x' };
    const response = await ask('POST', '/system/functions', body, { 'sec-fetch-site': 'cross-site' });
    expect(response.statusCode).toBe(403);
    expect(parts.runtime.functions.has('new')).toBe(false);
    expect((await ask('GET', '/ui/', undefined, { 'sec-fetch-site': 'cross-site' })).statusCode).toBe(200);
    expect(
      (await ask('POST', '/system/functions', body, { 'sec-fetch-site': 'same-origin' })).statusCode,
    ).toBe(202);
  });

  it('knows other sites’ pages by their origin, where a browser tells no more', async () => {
    const deploy = (origin: string) =>
      ask('POST', '/system/functions', { service: 'new', image: 'x' }, { host: 'pi-01.local:8080', origin });
    for (const origin of ['http://elsewhere.example', 'http://pi-01.local', 'null'])
      expect((await deploy(origin)).statusCode).toBe(403);
    expect((await deploy('http://pi-01.local:8080')).statusCode).toBe(202);
  });
});

describe('/system/functions', () => {
  it('deploys, lists, describes, updates, scales and removes', async () => {
    const deployed = await ask('POST', '/system/functions', {
      service: 'sing',
      image: 'sing:1',
      labels: null,
    });
    expect([deployed.statusCode, deployed.body]).toEqual([202, '']);
    expect((await ask('GET', '/system/functions')).json()).toMatchObject([
      { name: 'echo', invocationCount: 0 },
      { name: 'sing', image: 'sing:1', replicas: 1, invocationCount: 0 },
    ]);
    expect((await ask('PUT', '/system/functions', { service: 'sing', image: 'sing:2' })).statusCode).toBe(
      202,
    );
    const scaled = await ask('POST', '/system/scale-function/sing', { serviceName: 'sing', replicas: 0 });
    expect([scaled.statusCode, scaled.body]).toEqual([202, '']);
    const one = await ask('GET', '/system/function/sing.openfaas-fn');
    expect(one.json()).toMatchObject({ name: 'sing', image: 'sing:2', replicas: 0, availableReplicas: 1 });
    expect((await ask('DELETE', '/system/functions', { functionName: 'sing' })).statusCode).toBe(202);
    expect((await ask('GET', '/system/function/sing')).statusCode).toBe(404);
  });

  it('takes a body whose type the client did not name', async () => {
    const payload = JSON.stringify({ service: 'sing', image: 'x' });
    const response = await ask('POST', '/system/functions', payload, { 'content-type': 'text/plain' });
    expect(response.statusCode).toBe(202);
  });

  it('says 400 for a function that exists and 404 for an update of one that does not', async () => {
    expect((await ask('POST', '/system/functions', { service: 'echo', image: 'x' })).statusCode).toBe(400);
    expect((await ask('PUT', '/system/functions', { service: 'nope', image: 'x' })).statusCode).toBe(404);
  });

  it('says which function it did not find to remove', async () => {
    const response = await ask('DELETE', '/system/functions', { functionName: 'nope' });
    expect([response.statusCode, response.body]).toEqual([404, 'No such service found: nope.']);
  });

  it('answers an unknown function with 404 when asked to describe or scale it', async () => {
    expect((await ask('GET', '/system/function/nope')).statusCode).toBe(404);
    expect((await ask('POST', '/system/scale-function/nope', { replicas: 1 })).statusCode).toBe(404);
  });

  it('knows one namespace', async () => {
    expect((await ask('GET', '/system/namespaces')).json()).toEqual(['openfaas-fn']);
    expect((await ask('GET', '/system/namespace/openfaas-fn')).json()).toMatchObject({ name: 'openfaas-fn' });
    expect((await ask('GET', '/system/namespace/other')).statusCode).toBe(404);
    expect((await ask('GET', '/system/functions?namespace=openfaas-fn')).json()).toHaveLength(1);
    expect((await ask('GET', '/system/functions?namespace=other')).json()).toEqual([]);
    expect((await ask('GET', '/system/function/echo?namespace=other')).statusCode).toBe(404);
    const elsewhere = await ask('POST', '/system/functions', {
      service: 'a',
      image: 'b',
      namespace: 'other',
    });
    expect(elsewhere.statusCode).toBe(400);
    expect(elsewhere.body).toContain('namespace: must be openfaas-fn');
  });

  it('counts invocations of all codes from the metrics', async () => {
    const counter = parts.options.metrics.counter('gateway_function_invocation_total', 'calls', [
      'function_name',
      'code',
    ]);
    counter.inc({ function_name: 'echo', code: '200' }, 3);
    counter.inc({ function_name: 'echo', code: '500' }, 1);
    expect((await ask('GET', '/system/functions')).json()).toMatchObject([{ invocationCount: 4 }]);
  });
});

describe('/system/secrets', () => {
  it('creates, names, replaces and removes, and never gives a value back', async () => {
    expect((await ask('POST', '/system/secrets', { name: 'key', value: 'old' })).statusCode).toBe(201);
    expect((await ask('POST', '/system/secrets', { name: 'key', value: 'x' })).statusCode).toBe(409);
    const rawValue = Buffer.from('new').toString('base64');
    expect((await ask('PUT', '/system/secrets', { name: 'key', rawValue })).statusCode).toBe(200);
    expect(parts.runtime.stored.get('key')).toBe('new');
    expect((await ask('GET', '/system/secrets')).json()).toEqual([{ name: 'key', namespace: 'openfaas-fn' }]);
    expect((await ask('DELETE', '/system/secrets', { name: 'key' })).statusCode).toBe(200);
    expect((await ask('DELETE', '/system/secrets', { name: 'key' })).statusCode).toBe(404);
    expect((await ask('PUT', '/system/secrets', { name: 'key', value: 'x' })).statusCode).toBe(404);
  });

  it.each([
    [{ name: 'UPPER', value: 'x' }, 'name'],
    [{ name: 'key' }, 'value: is required'],
    [{ name: 'key', value: 'x', rawValue: 'eA==' }, 'value'],
    [{ name: 'key', rawValue: '~' }, 'rawValue'],
    [{ name: 'key', value: 'x', namespace: 'other' }, 'namespace'],
  ])('refuses %j and names the field', async (body, field) => {
    const response = await ask('POST', '/system/secrets', body);
    expect(response.statusCode).toBe(400);
    expect(response.body).toContain(field);
  });
});

describe('/system/logs', () => {
  const line = (instance: string, text: string) => ({
    name: 'echo',
    instance,
    timestamp: '2026-01-01T00:00:00Z',
    text,
  });

  it('gives JSON lines, of one instance if asked', async () => {
    parts.runtime.lines.push(line('a', 'one'), line('b', 'two'));
    const all = await ask('GET', '/system/logs?name=echo.openfaas-fn');
    expect(all.headers['content-type']).toBe('application/x-ndjson');
    expect(
      all.body
        .trimEnd()
        .split('\n')
        .map((text) => JSON.parse(text).text),
    ).toEqual(['one', 'two']);
    const one = await ask('GET', '/system/logs?name=echo&instance=b');
    expect(JSON.parse(one.body)).toEqual({ namespace: 'openfaas-fn', ...line('b', 'two') });
  });

  it('hands tail and since on, and does not follow unless told', async () => {
    await ask('GET', '/system/logs?name=echo&tail=5&since=2026-01-01T00:00:00Z');
    await ask('GET', '/system/logs?name=echo&tail=-1&follow=0');
    expect(parts.runtime.logQueries).toMatchObject([
      { tail: 5, sinceMs: Date.UTC(2026, 0, 1), follow: false },
      { follow: false },
    ]);
    expect(parts.runtime.logQueries[1]).not.toHaveProperty('tail');
  });

  it.each([
    ['', 'name: is required'],
    ['name=echo&tail=many', 'tail'],
    ['name=echo&follow=maybe', 'follow'],
    ['name=echo&since=yesterday', 'since'],
    ['name=echo&name=other', 'name'],
  ])('refuses the query %j and names the field', async (query, field) => {
    const response = await ask('GET', `/system/logs?${query}`);
    expect(response.statusCode).toBe(400);
    expect(response.body).toContain(field);
  });

  it('answers an unknown function with 404', async () => {
    expect((await ask('GET', '/system/logs?name=nope')).statusCode).toBe(404);
  });
});

describe('the gateway about itself', () => {
  it('tells provider and versions, with nothing that clients dereference left out', async () => {
    const info = (await ask('GET', '/system/info')).json();
    expect(info).toMatchObject({
      provider: { provider: 'bramble', version: { release: '1.2.3', sha: 'abc' }, orchestration: 'process' },
      version: { release: '1.2.3', sha: 'abc' },
    });
    expect(info.arch).not.toBe('');
  });

  it('is alive, and ready only when all parts are', async () => {
    const alive = await app.inject('/healthz');
    expect([alive.statusCode, alive.body]).toEqual([200, 'OK']);
    expect((await app.inject({ method: 'HEAD', url: '/healthz' })).statusCode).toBe(200);
    expect((await app.inject('/readyz')).statusCode).toBe(200);
    const options = { ...parts.options, readiness: () => ({ isReady: false, reason: 'no broker' }) };
    const streams = new OpenStreams();
    const unready = await createApp(
      { ...options, metrics: fakeParts().options.metrics },
      { streams, addresses: () => [] },
    );
    const response = await unready.inject('/readyz');
    expect([response.statusCode, response.body]).toEqual([503, 'not ready: no broker']);
    await unready.close();
  });

  it('gives the metrics, wanted replicas among them', async () => {
    const response = await app.inject('/metrics');
    expect(response.headers['content-type']).toContain('text/plain');
    expect(response.body).toContain('gateway_service_count{function_name="echo"} 1');
    parts.runtime.functions.clear();
    expect((await app.inject('/metrics')).body).not.toContain('echo');
  });

  it('shows a page with what runs here, safely', async () => {
    await ask('POST', '/system/functions', { service: 'sing', image: '<script>alert(1)</script>' });
    const { body, headers } = await ask('GET', '/ui/');
    expect(headers['content-type']).toContain('text/html');
    for (const text of ['pi-01', 'href="/function/echo"', '/openapi.json', '/metrics', 'http://pi:8080'])
      expect(body).toContain(text);
    expect(body).not.toContain('<script>');
    expect(body).toContain('&lt;script&gt;');
  });

  it('describes the node', async () => {
    expect((await ask('GET', '/bramble/status')).json()).toMatchObject({ node: 'pi-01', outbox: 0 });
  });

  it('answers in JSON when asked to', async () => {
    const response = await ask('GET', '/system/function/nope', undefined, { accept: 'application/json' });
    expect(response.json().error).toMatchObject({ code: 'FUNCTION_NOT_FOUND', message: expect.any(String) });
    expect(response.headers['x-bramble-error']).toBe('FUNCTION_NOT_FOUND');
  });

  it('tells nothing of its insides when something unforeseen fails', async () => {
    parts.runtime.list = () => Promise.reject(new Error('ENOENT /var/lib/secret'));
    const response = await ask('GET', '/system/functions');
    expect([response.statusCode, response.body]).toEqual([500, 'a defect in Bramble']);
  });
});

describe('/bramble/dead-letters', () => {
  it('lists without data and shows one with it', async () => {
    const [letter] = (await ask('GET', '/bramble/dead-letters')).json();
    expect(letter).toMatchObject({
      id: 7,
      function: 'echo',
      diedAt: '2026-01-02T00:00:00.000Z',
      status: 500,
    });
    expect(letter.event).not.toHaveProperty('data');
    expect((await ask('GET', '/bramble/dead-letters/7')).json().event).toMatchObject({
      data: { motion: true },
    });
    expect((await ask('GET', '/bramble/dead-letters/8')).statusCode).toBe(404);
  });

  it('replays one or several', async () => {
    expect((await ask('POST', '/bramble/dead-letters/7/replay')).json()).toEqual({
      replayed: 1,
      functions: ['echo'],
    });
    expect((await ask('POST', '/bramble/dead-letters/replay', { ids: [7] })).json()).toEqual({
      replayed: 1,
      functions: ['echo'],
    });
    expect((await ask('POST', '/bramble/dead-letters/8/replay')).statusCode).toBe(404);
  });

  it('deletes only what was named', async () => {
    const bare = await ask('DELETE', '/bramble/dead-letters');
    expect([bare.statusCode, bare.body]).toEqual([400, expect.stringContaining('function: is required')]);
    expect((await ask('DELETE', '/bramble/dead-letters/7')).json()).toEqual({ deleted: 1 });
    expect((await ask('DELETE', '/bramble/dead-letters?all=true')).json()).toEqual({ deleted: 0 });
  });
});

describe('/bramble/simulate', () => {
  it('moves the simulated sensors', async () => {
    for (const change of [
      { motion: true },
      { celsius: 31.5, sensor: 'soc' },
      { throttling: { underVoltage: true } },
    ])
      expect((await ask('POST', '/bramble/simulate', change)).statusCode).toBe(202);
    expect(parts.simulated).toHaveLength(3);
    expect((await ask('POST', '/bramble/simulate', { motion: 'yes' })).body).toContain(
      'motion: must be boolean',
    );
    expect((await ask('POST', '/bramble/simulate', {})).statusCode).toBe(400);
  });

  it('is not there on real hardware', async () => {
    const { simulate: _, ...real } = fakeParts().options;
    const other = await createApp(real, { streams: new OpenStreams(), addresses: () => [] });
    expect((await other.inject({ method: 'POST', url: '/bramble/simulate' })).statusCode).toBe(404);
    await other.close();
  });
});

describe('/bramble/events', () => {
  it('refuses a filter that MQTT does not know, and names the field', async () => {
    const response = await ask('GET', '/bramble/events?filter=a/%23/b');
    expect([response.statusCode, response.body]).toEqual([400, expect.stringContaining('filter: ')]);
  });
});

describe('/system/alert', () => {
  const alert = (status: string, function_name: string) => ({
    alerts: [{ status, labels: { function_name } }],
  });

  it('adds a step of replicas for a firing alert and goes back to the least for a resolved one', async () => {
    const fired = await ask('POST', '/system/alert', alert('firing', 'echo.openfaas-fn'));
    expect([fired.statusCode, fired.body]).toEqual([200, '']);
    expect(parts.runtime.functions.get('echo')?.replicas).toBe(5);
    await ask('POST', '/system/alert', alert('resolved', 'echo'));
    expect(parts.runtime.functions.get('echo')?.replicas).toBe(1);
  });

  it('skips a function that is not there', async () => {
    expect((await ask('POST', '/system/alert', alert('firing', 'nope'))).statusCode).toBe(200);
  });

  it('says which alert it could not act on', async () => {
    parts.runtime.scale = () => Promise.reject(new Error('no room'));
    const response = await ask('POST', '/system/alert', alert('firing', 'echo'));
    expect([response.statusCode, response.body]).toEqual([500, '[0] no room']);
  });

  it('refuses a body of another form', async () => {
    const response = await ask('POST', '/system/alert', { alerts: [{ labels: {} }] });
    expect([response.statusCode, response.body]).toEqual([400, expect.stringContaining('alerts.0.status')]);
  });
});

describe('the API document', () => {
  it('describes every route, each with a summary and its answers', async () => {
    const document = (await app.inject('/openapi.json')).json();
    expect(document.openapi).toBe('3.1.0');
    const operations = Object.values<object>(document.paths).flatMap((methods) => Object.values(methods));
    expect(
      operations.filter(({ summary, responses }) => !summary || Object.keys(responses).length === 0),
    ).toEqual([]);
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const missing = routesOf(app).filter(([path, method]) => document.paths[path]?.[method] === undefined);
    expect(missing).toEqual([]);
  });

  it('carries the schema that bodies are checked with', async () => {
    const { paths } = (await app.inject('/openapi.json')).json();
    const { schema } = paths['/system/functions'].post.requestBody.content['application/json'];
    expect(schema.required).toEqual(['service', 'image']);
    expect(paths['/system/logs'].get.parameters[0]).toMatchObject({
      name: 'name',
      in: 'query',
      required: true,
    });
  });
});

/** Path and method of every route, in the document's spelling, read from fastify's own picture of its router. */
function routesOf(app: App): [path: string, method: string][] {
  const above: string[] = [];
  const lines = [...app.printRoutes({ commonPrefix: false }).matchAll(/^([│ ]*)[├└]── (\S+) \(([^)]*)\)$/gm)];
  expect(lines.length).toBeGreaterThan(20);
  return lines.flatMap(([, indent = '', part = '', methods = '']) => {
    const depth = indent.length / 4;
    above.splice(depth, above.length, part);
    const path = above
      .join('')
      .replaceAll(/:(\w+)/g, '{$1}')
      .replace(/\/?\*$/, '/{path}');
    const describable = /^(GET|PUT|POST|DELETE|OPTIONS|HEAD|PATCH|TRACE)$/;
    return methods
      .split(', ')
      .filter((method) => describable.test(method))
      .map((method): [string, string] => [path, method.toLowerCase()]);
  });
}
