import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Agent } from '../support/agent.ts';
import { untilReplicas } from '../support/deployments.ts';
import { duringTest } from '../support/during-test.ts';
import { root } from '../support/repo.ts';
import { until } from '../support/wait.ts';

const probeFolder = join(root, 'test/support/probe');
const json = { 'content-type': 'application/json' };

/** As `faas-cli` sends it, with the fields that it leaves empty. */
function deployment(service: string, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    service,
    image: 'ghcr.io/openfaas/alpine:latest',
    namespace: '',
    envProcess: '',
    envVars: {},
    constraints: [],
    secrets: [],
    labels: {},
    annotations: {},
    limits: null,
    requests: null,
    readOnlyRootFilesystem: false,
    ...fields,
  };
}

/** The probe function as a program that serves HTTP. */
const httpProbe = deployment('probe', {
  envProcess: `node ${probeFolder}/server.mjs`,
  envVars: { mode: 'http', exec_timeout: '60s' },
});
/** And as one that is started for each request. */
const forkedProbe = (fields: Record<string, unknown> = {}) =>
  deployment('probe', { envProcess: `sh ${probeFolder}/probe.sh`, ...fields });

describe('the OpenFaaS API', () => {
  let agent: Agent;
  beforeEach(async () => {
    const most = 64 * 1024 * 1024;
    agent = await duringTest.agent({
      config: { gateway: { maxBodyBytes: most }, functions: { maxAnswerBytes: most } },
    });
  });

  const ask = (method: string, path: string, body?: unknown) =>
    agent.fetch(path, {
      method,
      ...(body === undefined ? {} : { headers: json, body: JSON.stringify(body) }),
    });
  const getJson = async (path: string) => {
    const response = await ask('GET', path);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    return { status: response.status, json: JSON.parse(await response.text()) };
  };
  /** `faas-cli deploy`: an update, and where there is nothing to update a deployment. */
  const deployAsCli = async (spec: Record<string, unknown>) => {
    const updated = await ask('PUT', '/system/functions', spec);
    if (updated.status !== 404) return [updated.status];
    return [404, (await ask('POST', '/system/functions', spec)).status];
  };
  const deployProbe = async (spec: Record<string, unknown>) => {
    await deployAsCli(spec);
    await untilReplicas(agent, 'probe', 1);
  };
  const invoke = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${agent.url}${path}`, init);
    return { status: response.status, headers: response.headers, text: await response.text() };
  };

  it('deploys, lists, describes, updates and removes as faas-cli does', async () => {
    expect(await getJson('/system/functions')).toEqual({ status: 200, json: [] });
    const spec = forkedProbe({
      labels: { team: 'rack' },
      annotations: { topic: 'a/+,b/#' },
      envVars: { GREETING: 'hello' },
    });
    expect(await deployAsCli(spec)).toEqual([404, 202]);
    await untilReplicas(agent, 'probe', 1);
    expect((await invoke('/function/probe/env?GREETING')).text).toBe('hello');
    expect((await ask('POST', '/system/functions', spec)).status).toBeGreaterThanOrEqual(400);

    const [listed, ...others] = (await getJson('/system/functions')).json;
    expect(others).toEqual([]);
    expect(listed).toMatchObject({
      name: 'probe',
      image: 'ghcr.io/openfaas/alpine:latest',
      namespace: 'openfaas-fn',
      labels: { team: 'rack' },
      annotations: { topic: 'a/+,b/#' },
      replicas: 1,
      availableReplicas: 1,
      invocationCount: 1,
    });
    expect(Number.isNaN(Date.parse(listed.createdAt))).toBe(false);
    expect((await getJson('/system/function/probe?usage=true')).json).toEqual(listed);
    expect((await getJson('/system/function/probe.openfaas-fn')).json.name).toBe('probe');

    expect(await deployAsCli(forkedProbe({ envVars: { GREETING: 'welcome' } }))).toEqual([202]);
    await until('the new version answers', async () => {
      const { status, text } = await invoke('/function/probe/env?GREETING');
      expect({ status, text }).toEqual({ status: 200, text: expect.stringMatching(/^(hello|welcome)$/) });
      return text === 'welcome';
    });

    expect((await ask('DELETE', '/system/functions', { functionName: 'probe' })).status).toBe(202);
    expect((await ask('DELETE', '/system/functions', { functionName: 'probe' })).status).toBe(404);
    expect((await ask('GET', '/system/function/probe')).status).toBe(404);
    expect((await invoke('/function/probe')).status).toBe(404);
    expect(await getJson('/system/functions')).toEqual({ status: 200, json: [] });
  });

  it('refuses what it cannot use, and names the field', async () => {
    const refusals: [Record<string, unknown>, RegExp][] = [
      [{ image: 'x' }, /service/],
      [{ service: 'Bad Name', image: 'x' }, /service/],
      [{ service: 'x', image: 'x', annotations: { topic: 'a/#/b' } }, /annotations\.topic/],
      [{ service: 'x', image: 'x', envVars: { exec_timeout: 'soon' } }, /exec_timeout/],
      [{ service: 'x', image: 'x', namespace: 'elsewhere' }, /namespace/],
    ];
    for (const [spec, field] of refusals) {
      const response = await ask('POST', '/system/functions', spec);
      expect(response.status).toBe(400);
      expect(await response.text()).toMatch(field);
    }
    const bare = await fetch(`${agent.url}/system/functions`);
    expect(bare.status).toBe(401);
    expect(bare.headers.get('www-authenticate')).toBe('Basic realm="Restricted"');
  });

  it('scales to zero and back, and keeps the number over a restart', async () => {
    await deployProbe(httpProbe);
    const scale = (replicas: number) =>
      ask('POST', '/system/scale-function/probe', { serviceName: 'probe', replicas });
    expect((await scale(0)).status).toBe(202);
    await untilReplicas(agent, 'probe', 0);
    expect((await invoke('/function/probe/pid')).status).toBe(503);
    expect((await scale(2)).status).toBe(202);
    await untilReplicas(agent, 'probe', 2);
    const pids = new Set<string>();
    await until('both have answered', async () => {
      const calls = await Promise.all(['/slow?0.05', '/slow?0.05', '/pid', '/pid'].map(probeCall));
      expect(calls.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      for (const { text } of calls.slice(2)) pids.add(text);
      return pids.size === 2;
    });
    expect((await ask('POST', '/system/scale-function/nobody', { replicas: 1 })).status).toBe(404);
    await agent.stop();
    agent = await duringTest.agent({ folder: agent.folder });
    await untilReplicas(agent, 'probe', 2);
  });
  const probeCall = (path: string) => invoke(`/function/probe${path}`);

  it('streams logs as JSON lines', async () => {
    await deployProbe(forkedProbe());
    await invoke('/function/probe/log?one');
    const lines = await until('the first line', async () => {
      const response = await ask('GET', '/system/logs?name=probe&tail=-1');
      expect(response.headers.get('content-type')).toBe('application/x-ndjson');
      return parseLines(await response.text()).some(({ text }) => text === 'one')
        ? response.status
        : undefined;
    });
    expect(lines).toBe(200);
    const gone = new AbortController();
    const tail = await agent.fetch('/system/logs?name=probe&follow=true&tail=1', { signal: gone.signal });
    const reader = tail.body?.pipeThrough(new TextDecoderStream()).getReader();
    let heard = '';
    const hear = async (text: string) => {
      while (!heard.includes(text)) heard += (await reader?.read())?.value ?? '';
    };
    await hear('"one"');
    await invoke('/function/probe/log?two');
    await hear('"two"');
    expect(parseLines(heard).at(-1)).toMatchObject({
      name: 'probe',
      namespace: 'openfaas-fn',
      instance: expect.stringMatching(/^probe-/),
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    gone.abort();
    expect((await ask('GET', '/system/logs?name=nobody')).status).toBe(404);
    expect((await ask('GET', '/system/logs')).status).toBe(400);
  });

  it('keeps secrets, which functions read as files', async () => {
    const secret = (name: string, value: string) => ({ name, namespace: 'openfaas-fn', value });
    expect(await getJson('/system/secrets')).toEqual({ status: 200, json: [] });
    expect((await ask('POST', '/system/functions', forkedProbe({ secrets: ['api-key'] }))).status).toBe(400);
    expect((await ask('POST', '/system/secrets', secret('api-key', 'open sesame'))).status).toBe(201);
    expect((await ask('POST', '/system/secrets', secret('api-key', 'again'))).status).toBe(409);
    const raw = { name: 'blob', rawValue: Buffer.from('raw value').toString('base64') };
    expect((await ask('POST', '/system/secrets', raw)).status).toBe(201);
    expect((await getJson('/system/secrets')).json).toEqual([
      { name: 'api-key', namespace: 'openfaas-fn' },
      { name: 'blob', namespace: 'openfaas-fn' },
    ]);
    await deployProbe(forkedProbe({ secrets: ['api-key', 'blob'] }));
    expect((await invoke('/function/probe/secret?api-key')).text).toBe('open sesame');
    expect((await invoke('/function/probe/secret?blob')).text).toBe('raw value');
    expect((await ask('PUT', '/system/secrets', secret('api-key', 'another'))).status).toBe(200);
    expect((await invoke('/function/probe/secret?api-key')).text).toBe('another');
    expect((await ask('DELETE', '/system/secrets', { name: 'api-key' })).status).toBe(409);
    await ask('DELETE', '/system/functions', { functionName: 'probe' });
    expect((await ask('DELETE', '/system/secrets', { name: 'api-key' })).status).toBe(200);
    expect((await ask('PUT', '/system/secrets', secret('api-key', 'late'))).status).toBe(404);
    expect((await ask('DELETE', '/system/secrets', { name: 'api-key' })).status).toBe(404);
  });

  it('says who it is and that it is well', async () => {
    const { json: info } = await getJson('/system/info');
    const version = { release: expect.stringMatching(/./), sha: expect.stringMatching(/./) };
    expect(info).toMatchObject({
      provider: { provider: 'bramble', version, orchestration: 'process' },
      version,
      arch: expect.stringMatching(/./),
    });
    expect((await getJson('/system/namespaces')).json).toEqual(['openfaas-fn']);
    const health = await invoke('/healthz');
    expect([health.status, health.text]).toEqual([200, 'OK']);
    const root = await fetch(`${agent.url}/`, { redirect: 'manual' });
    expect([root.status, root.headers.get('location')]).toEqual([301, '/ui/']);
    expect((await fetch(`${agent.url}/system/nothing`)).status).toBe(404);
    expect((await ask('PATCH', '/system/functions')).status).toBe(405);
  });

  it('passes any method, path, query and header to the function, and its answer back', async () => {
    const show = `sh -c 'printf "%s|%s|%s|%s|" "$Http_Method" "$Http_Path" "$Http_Query" "$Http_X_Own"; cat'`;
    await ask('POST', '/system/functions', deployment('show', { envProcess: show }));
    await untilReplicas(agent, 'show', 1);
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const body = method === 'GET' ? {} : { body: 'text' };
      const { text } = await invoke('/function/show.openfaas-fn/a/b%20c/?x=1&y=%2F', {
        method,
        headers: { 'x-own': 'mine', 'content-type': 'text/plain' },
        ...body,
      });
      expect(text).toBe(`${method}|/a/b c/|x=1&y=%2F|mine|${body.body ?? ''}`);
    }
    const head = await invoke('/function/show', { method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
    expect((await invoke('/function/show.other-ns')).status).toBe(404);
  });

  it('gives each call an id, a start and a duration', async () => {
    const show = `sh -c 'printf "%s %s" "$Http_X_Call_Id" "$Http_X_Start_Time"'`;
    await ask('POST', '/system/functions', deployment('show', { envProcess: show }));
    await untilReplicas(agent, 'show', 1);
    const fromMs = Date.now();
    const { headers, text } = await invoke('/function/show');
    const [id, start] = text.split(' ');
    expect(headers.get('x-call-id')).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(headers.get('x-call-id')).toBe(id);
    expect(headers.get('x-start-time')).toBe(start);
    expect(Number(start) / 1e6).toBeGreaterThanOrEqual(fromMs - 1);
    expect(Number(start) / 1e6).toBeLessThanOrEqual(Date.now() + 1);
    expect(headers.get('x-duration-seconds')).toMatch(/^\d+\.\d{6}$/);
    const own = await invoke('/function/show', { headers: { 'x-call-id': 'my-own' } });
    expect(own.text).toMatch(/^my-own /);
  });

  it('answers 500 for a function that fails, 504 for one that is late, 404 for none, and shows why in the log', async () => {
    await deployProbe(forkedProbe({ envVars: { exec_timeout: '300ms' } }));
    expect((await invoke('/function/probe/crash')).status).toBe(500);
    expect((await invoke('/function/probe/hang')).status).toBe(504);
    expect((await invoke('/function/nobody')).status).toBe(404);
    const log = await (await ask('GET', '/system/logs?name=probe')).text();
    expect(log).toContain('about to crash');
    const metrics = await (await agent.fetch('/metrics')).text();
    expect(metrics).toContain('gateway_function_invocation_total{function_name="probe",code="500"} 1');
    expect(metrics).toContain('gateway_function_invocation_total{function_name="probe",code="504"} 1');
  });

  it('streams 20 MB up and down through a function that serves HTTP', async () => {
    await deployProbe(httpProbe);
    const body = randomBytes(20 * 1024 * 1024);
    const chunkBytes = 64 * 1024;
    const outgoing = request(`${agent.url}/function/probe/echo`, { method: 'POST' });
    outgoing.write(body.subarray(0, chunkBytes));
    const [response] = await once(outgoing, 'response');
    // What was sent comes back before the rest is sent: nothing collects the body on the way.
    const chunks = response[Symbol.asyncIterator]();
    const { value: first } = await chunks.next();
    const sendRest = async () => {
      for (let at = chunkBytes; at < body.length; at += chunkBytes)
        if (!outgoing.write(body.subarray(at, at + chunkBytes))) await once(outgoing, 'drain');
      outgoing.end();
    };
    const [rest] = await Promise.all([buffer(chunks), sendRest()]);
    const echoed = Buffer.concat([first, rest]);
    expect(echoed.length).toBe(body.length);
    expect(hash(echoed)).toBe(hash(body));
  });
});

function hash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function parseLines(text: string): { text: string }[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
