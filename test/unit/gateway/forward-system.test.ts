import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { controlUrls } from '../../../src/gateway/control-urls.ts';
import type { GatewayOptions } from '../../../src/gateway/ports.ts';
import { Gateway } from '../../../src/gateway/server.ts';
import { BrambleError } from '../../../src/support/errors.ts';
import { statusOf } from '../../support/fake-runtime.ts';
import { authorization, fakeParts } from '../../support/gateway.ts';
import { type HttpServer, startHttpServer } from '../../support/http-server.ts';
import { freePort } from '../../support/ports.ts';
import { until } from '../../support/wait.ts';

describe('a gateway without a runtime', () => {
  let gateway: Gateway;
  let urls: () => Promise<string[]>;
  const servers: HttpServer[] = [];

  beforeEach(async () => {
    const { runtime: _runtime, ...options } = fakeParts().options;
    urls = async () => [];
    gateway = new Gateway({
      ...options,
      control: { urls: () => urls(), list: async () => [statusOf({ service: 'echo', image: 'echo:1' })] },
    } satisfies GatewayOptions);
    await gateway.start(new AbortController().signal);
  });

  afterEach(async () => {
    await gateway.stop();
    for (const server of servers.splice(0)) await server.close();
  });

  /** One that is alive, unless told. */
  async function startManager(
    listener: RequestListener,
    alive: RequestListener = (_request, response) => response.end('OK'),
  ): Promise<string> {
    const server = await startHttpServer((request, response) =>
      request.url === '/healthz' ? alive(request, response) : listener(request, response),
    );
    servers.push(server);
    return `http://${server.address}`;
  }

  const deadUrl = async () => `http://127.0.0.1:${await freePort()}`;
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${gateway.port}${path}`, {
      ...init,
      headers: { authorization, ...init.headers },
    });

  it('passes what is asked on to a manager, password and all, and its answer back', async () => {
    let seen: Pick<IncomingMessage, 'method' | 'url' | 'headers'> | undefined;
    let body = '';
    const url = await startManager(async (request, response) => {
      seen = request;
      for await (const chunk of request) body += chunk;
      response.writeHead(202, { 'x-own': 'yes', 'content-type': 'text/plain' }).end('stored');
    });
    urls = async () => [url];
    const answer = await ask('/system/functions?namespace=', { method: 'POST', body: '{"service":"a"}' });
    expect([answer.status, answer.headers.get('x-own'), await answer.text()]).toEqual([202, 'yes', 'stored']);
    expect(seen).toMatchObject({
      method: 'POST',
      url: '/system/functions?namespace=',
      headers: { authorization },
    });
    expect(body).toBe('{"service":"a"}');
  });

  it('asks for the password before it asks anybody', async () => {
    let asked = 0;
    const url = await startManager((_request, response) => {
      asked += 1;
      response.end();
    });
    urls = async () => [url];
    const answer = await ask('/system/functions', { headers: { authorization: 'Basic bm86bm8=' } });
    expect([answer.status, asked]).toEqual([401, 0]);
  });

  it('tries the next manager when one cannot be reached, and begins with the one that answered', async () => {
    const url = await startManager((_request, response) => response.end('[]'));
    const dead = await deadUrl();
    let lookUps = 0;
    urls = async () => {
      lookUps += 1;
      return [dead, url];
    };
    expect((await ask('/system/functions')).status).toBe(200);
    expect((await ask('/system/functions', { method: 'DELETE', body: '{}' })).status).toBe(200);
    expect(lookUps).toBe(2);
  });

  it('asks nothing of a manager that hangs, and goes on to the next', async () => {
    const asked: string[] = [];
    const hanging = await startManager(
      () => asked.push('hanging'),
      () => {},
    );
    const other = await startManager((_request, response) => response.writeHead(202).end());
    urls = async () => [hanging, other];
    expect((await ask('/system/functions', { method: 'POST', body: '{}' })).status).toBe(202);
    expect(asked).toEqual([]);
  });

  it('goes on to the next when a manager says that it has begun nothing', async () => {
    const refusing = await startManager((_request, response) =>
      response.writeHead(503, { 'x-bramble-error': 'CONTROL_OFFLINE' }).end('no leader'),
    );
    const other = await startManager((_request, response) => response.writeHead(202).end());
    urls = async () => [refusing, other];
    expect((await ask('/system/functions', { method: 'POST', body: '{}' })).status).toBe(202);
    urls = async () => [refusing];
    const answer = await ask('/system/functions', { method: 'POST', body: '{}' });
    expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('no leader')]);
  });

  it('asks the next when the Docker of a manager broke off, but not for a change', async () => {
    const broken = await startManager((_request, response) =>
      response.writeHead(502, { 'x-bramble-error': 'UNREACHABLE' }).end('Docker broke off'),
    );
    const other = await startManager((_request, response) => response.end('[]'));
    urls = async () => [broken, other];
    const change = await ask('/system/functions', { method: 'POST', body: '{}' });
    expect([change.status, await change.text()]).toEqual([502, 'Docker broke off']);
    expect(await (await ask('/system/functions')).text()).toBe('[]');
  });

  it('says that managers cannot be reached, and that functions go on', async () => {
    const dead = await deadUrl();
    urls = async () => [dead];
    const answer = await ask('/system/functions');
    const text = await answer.text();
    expect([answer.status, answer.headers.get('x-bramble-error')]).toEqual([503, 'CONTROL_OFFLINE']);
    expect(text).toMatch(/no manager of the Swarm can do that now/);
    expect(text).toMatch(/functions go on being invoked/);
    expect(text).toContain(dead);
  });

  it('says the same when their names cannot be resolved', async () => {
    urls = () => Promise.reject(new Error('ENOTFOUND tasks.control'));
    const answer = await ask('/system/info');
    expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('ENOTFOUND')]);
  });

  it('does not ask twice for a change that a manager may have begun', async () => {
    const asked: string[] = [];
    const breaking = await startManager((request) => {
      asked.push('breaking');
      request.socket.destroy();
    });
    const other = await startManager((_request, response) => {
      asked.push('other');
      response.end('[]');
    });
    urls = async () => [breaking, other];
    expect((await ask('/system/functions', { method: 'POST', body: '{}' })).status).toBe(502);
    expect(asked).toEqual(['breaking']);
    expect((await ask('/system/functions')).status).toBe(200);
    expect(asked).toEqual(['breaking', 'breaking', 'other']);
  });

  it('streams a log line by line, and lets go of the manager when its reader leaves', async () => {
    let say: (line: string) => void = () => {};
    let isOpen = false;
    const url = await startManager((_request, response) => {
      isOpen = true;
      response.once('close', () => {
        isOpen = false;
      });
      response.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders();
      say = (line) => void response.write(line);
    });
    urls = async () => [url];
    const client = httpRequest({
      host: '127.0.0.1',
      port: gateway.port,
      path: '/system/logs?name=echo&follow=1',
      headers: { authorization },
      agent: false,
    });
    client.on('error', () => {});
    const [response] = (await once(client.end(), 'response')) as [IncomingMessage];
    say('{"text":"one"}\n');
    expect(String((await once(response, 'data'))[0])).toBe('{"text":"one"}\n');
    client.destroy();
    await until('the manager is let go', () => !isOpen);
  });

  it('does not keep a stop waiting for a log that is followed', async () => {
    const url = await startManager((_request, response) => response.writeHead(200).flushHeaders());
    urls = async () => [url];
    const answer = await ask('/system/logs?name=echo&follow=1');
    await gateway.stop();
    await expect(answer.text()).rejects.toThrow();
  });

  it('refuses a request that another such gateway passed on', async () => {
    urls = async () => [`http://127.0.0.1:${gateway.port}`];
    const answer = await ask('/system/functions');
    expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('control.url')]);
  });

  it('answers by itself what is this node’s own', async () => {
    expect((await ask('/bramble/status')).status).toBe(200);
    expect((await ask('/bramble/dead-letters')).status).toBe(200);
    expect(await (await ask('/ui/')).text()).toContain('echo:1');
    expect(await (await ask('/metrics')).text()).toContain('gateway_service_count{function_name="echo"} 1');
    expect((await ask('/function/echo')).status).toBe(200);
  });
});

describe('a manager whose Docker does not answer', () => {
  it('says so at once, and that nothing was begun, until it does', async () => {
    let reason: BrambleError | undefined = new BrambleError('CONTROL_OFFLINE', 'no leader');
    const { options } = fakeParts();
    const gateway = new Gateway({ ...options, offline: () => reason });
    await gateway.start(new AbortController().signal);
    const ask = (path: string, init: RequestInit = {}) =>
      fetch(`http://127.0.0.1:${gateway.port}${path}`, { ...init, headers: { authorization } });
    const list = async () => (await ask('/system/functions')).status;
    const deploy = await ask('/system/functions', { method: 'POST', body: '{}' });
    expect([deploy.status, deploy.headers.get('x-bramble-error')]).toEqual([503, 'CONTROL_OFFLINE']);
    expect([await list(), (await ask('/bramble/dead-letters')).status]).toEqual([503, 200]);
    reason = undefined;
    expect(await list()).toBe(200);
    await gateway.stop();
  });
});

describe('the addresses of managers', () => {
  it('are all that their name stands for', async () => {
    const lookup = async (name: string) => {
      expect(name).toBe('tasks.control');
      return [
        { address: '10.0.1.7', family: 4 },
        { address: 'fd00::7', family: 6 },
      ];
    };
    expect(await controlUrls('http://tasks.control:8080', lookup)).toEqual([
      'http://10.0.1.7:8080',
      'http://[fd00::7]:8080',
    ]);
  });

  it('may be given as such', async () => {
    expect(await controlUrls('http://127.0.0.1:8080')).toEqual(['http://127.0.0.1:8080']);
    expect(await controlUrls('http://[::1]:8080')).toEqual(['http://[::1]:8080']);
  });

  it('that nobody knows are UNREACHABLE', async () => {
    const lookup = () => Promise.reject(new Error('ENOTFOUND'));
    await expect(controlUrls('http://tasks.control:8080', lookup)).rejects.toMatchObject({
      code: 'UNREACHABLE',
    });
  });
});
