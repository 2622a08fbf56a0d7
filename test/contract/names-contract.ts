import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CliResult } from '../support/built-cli.ts';
import { type HttpServer, startHttpServer } from '../support/http-server.ts';
import { until } from '../support/wait.ts';

export interface Doors {
  /** Deploys the probe function from a stack file, with these fields beside those that make it run. */
  deploy(name: string, fields: object): Promise<CliResult>;
  /** Asks the gateway, with its password. */
  call(path: string, init?: RequestInit): Promise<Response>;
  cli(...argv: readonly string[]): Promise<CliResult>;
  /** Where the gateway reaches this machine. */
  readonly hostAddress: string;
}

const noScaling = { 'com.openfaas.scale.factor': '0' };
const namespace = 'openfaas-fn';

/** By which names a function is known: its own, and that with the namespace in which OpenFaaS's clients look for it. */
export function namesContract(kind: string, doors: () => Doors): void {
  describe(`a function on ${kind}`, () => {
    let told: HttpServer;
    const callbacks: { readonly name: unknown; readonly body: string }[] = [];

    beforeAll(async () => {
      told = await startHttpServer(
        async (request, response) => {
          callbacks.push({ name: request.headers['x-function-name'], body: await text(request) });
          response.end();
        },
        { host: doors().hostAddress },
      );
      expect(await doors().deploy('named', { namespace, labels: noScaling })).toMatchObject({ exit: 0 });
    });
    afterAll(() => told?.close());

    async function cli(...argv: string[]): Promise<string> {
      const { exit, stdout, stderr } = await doors().cli(...argv);
      expect({ exit, stderr: exit === 0 ? '' : stderr }).toEqual({ exit: 0, stderr: '' });
      return stdout;
    }
    const send = (method: string, path: string, body: unknown) =>
      doors().call(path, {
        method,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const statusOf = async (path: string, init?: RequestInit) => (await doors().call(path, init)).status;
    const replicas = async () => Number(JSON.parse(await cli('describe', 'named', '--json')).replicas);

    it.each(['named', `named.${namespace}`])('is called as %s through each door', async (name) => {
      const post = { method: 'POST', body: name };
      expect(await (await doors().call(`/function/${name}/echo`, post)).text()).toBe(name);
      expect(await cli('invoke', name, '--path', '/echo', '--data', 'typed')).toBe('typed');
      const callback = { 'x-callback-url': `http://${told.address}/` };
      expect(await statusOf(`/async-function/${name}/echo`, { ...post, headers: callback })).toBe(202);
      await until('the callback', () => callbacks.find(({ body }) => body === name));
      expect(callbacks.at(-1)?.name).toBe('named');
    });

    it.each([
      ['named', ''],
      ['named', `?namespace=${namespace}`],
      [`named.${namespace}`, ''],
      [`named.${namespace}`, `?namespace=${namespace}`],
    ])('is shown, scaled and logged as %s%s', async (name, query) => {
      const shown = await doors().call(`/system/function/${name}${query}`);
      expect(await shown.json()).toMatchObject({ name: 'named', namespace });
      const scale = (count: number) =>
        send('POST', `/system/scale-function/${name}${query}`, { replicas: count });
      expect((await scale(2)).status).toBe(202);
      expect(await replicas()).toBe(2);
      expect((await scale(1)).status).toBe(202);

      const mark = `logged as ${name}${query}`;
      expect(await statusOf(`/function/named/log?${encodeURIComponent(mark)}`)).toBe(200);
      const logs = `/system/logs?name=${name}${query.replace('?', '&')}`;
      await until('its log', async () => (await (await doors().call(logs)).text()).includes(mark));
    });

    it('is managed by its long name from the command line and by alerts', async () => {
      const long = `named.${namespace}`;
      expect(JSON.parse(await cli('describe', long, '--json'))).toMatchObject({ name: 'named', namespace });
      await cli('scale', long, '2');
      expect(await replicas()).toBe(2);
      expect(await cli('logs', long)).toContain('logged as');
      const alert = { status: 'resolved', labels: { function_name: long } };
      expect((await send('POST', '/system/alert', { alerts: [alert] })).status).toBe(200);
      expect(await replicas()).toBe(1);
      expect(await statusOf(`/bramble/dead-letters?function=${long}`)).toBe(200);
    });

    it('is in no other namespace', async () => {
      const wrong = [
        statusOf('/function/named.other/echo'),
        statusOf('/async-function/named.other', { method: 'POST', body: 'x' }),
        statusOf('/system/function/named.other'),
        statusOf('/system/function/named?namespace=other'),
        statusOf('/system/logs?name=named.other'),
        statusOf('/system/logs?name=named&namespace=other'),
        send('POST', '/system/scale-function/named?namespace=other', { replicas: 2 }),
        send('POST', '/system/scale-function/named', { replicas: 2, namespace: 'other' }),
        send('DELETE', '/system/functions', { functionName: 'named', namespace: 'other' }),
        send('DELETE', '/system/functions', { functionName: 'named.other' }),
        statusOf('/bramble/dead-letters?function=named.other'),
      ];
      const statuses = (await Promise.all(wrong)).map((one) => (typeof one === 'number' ? one : one.status));
      expect(statuses).toEqual(wrong.map(() => 404));
      expect(await (await doors().call('/system/functions?namespace=other')).json()).toEqual([]);
      expect((await doors().cli('invoke', 'named.other', '--data', 'x')).exit).toBe(4);
      const deployed = await doors().deploy('named', { namespace: 'other' });
      expect(deployed).toMatchObject({ exit: 2 });
      expect(deployed.stdout + deployed.stderr).toContain('must be openfaas-fn or left out');
      expect(await replicas()).toBe(1);
    });

    it('is removed by its long name, or in its namespace', async () => {
      await cli('remove', `named.${namespace}`);
      expect(await statusOf('/system/function/named')).toBe(404);
      expect(await doors().deploy('named', {})).toMatchObject({ exit: 0 });
      const removed = await send('DELETE', '/system/functions', { functionName: 'named', namespace });
      expect(removed.status).toBe(202);
      expect(await statusOf(`/system/function/named.${namespace}`)).toBe(404);
    });
  });
}
