import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalCatalogue } from '../../src/functions/catalogue.local.ts';
import type { Endpoint } from '../../src/functions/endpoint.ts';
import { createInvoke, type Invoke } from '../../src/functions/invoke.ts';
import type { FunctionRuntime, LogLine } from '../../src/functions/runtime.ts';
import type { FunctionSpec } from '../../src/functions/spec.ts';
import { systemClock } from '../../src/support/clock.system.ts';
import { silentLog } from '../../src/support/log.ts';
import { Metrics } from '../../src/support/metrics.ts';
import { bodyOf, buildRequest, codeOf, never, statusOf, textOf } from '../support/requests.ts';
import { until } from '../support/wait.ts';

export interface RuntimeUnderTest {
  readonly runtime: FunctionRuntime;
  /** The probe function (`test/support/probe`) under a name, as this runtime runs it. */
  probe(name: string, fields?: Partial<FunctionSpec>): FunctionSpec;
  /** A placement constraint that this machine meets, as far as the runtime heeds any. */
  readonly constraint: string;
  close(): Promise<void>;
}

/** What each runtime promises, whatever it runs functions on. */
export function runtimeContract(kind: string, open: () => Promise<RuntimeUnderTest>): void {
  describe(`functions on ${kind}`, () => {
    let under: RuntimeUnderTest;
    let runtime: FunctionRuntime;
    let invoke: Invoke;
    let catalogue: LocalCatalogue;
    let count = 0;

    beforeAll(async () => {
      under = await open();
      runtime = under.runtime;
      catalogue = new LocalCatalogue(runtime, silentLog);
      await catalogue.start();
      invoke = createInvoke({
        catalogue,
        metrics: new Metrics(),
        node: 'here',
        clock: systemClock,
        newId: randomUUID,
      });
    });
    afterAll(async () => {
      await catalogue?.stop();
      await under?.close();
    });

    /** Deploys a probe under a name of its own and waits until it is ready. */
    async function deployed(fields?: Partial<FunctionSpec>): Promise<string> {
      count += 1;
      const name = `probe-${count}`;
      await runtime.deploy(under.probe(name, fields));
      await ready(name, 1);
      return name;
    }

    function ready(name: string, replicas: number): Promise<readonly Endpoint[]> {
      return until(`${replicas} replicas of ${name}`, () => {
        const endpoints = runtime.endpoints(name);
        return endpoints.length === replicas ? endpoints : undefined;
      });
    }

    const call = (name: string, target: string, body: Uint8Array | Readable = Buffer.alloc(0)) =>
      invoke(name, buildRequest(target, { body }), { signal: never });

    it('are listed with what was deployed, and counted as available once they are ready', async () => {
      const name = await deployed({ labels: { colour: 'red' }, constraints: [under.constraint] });
      const status = await runtime.describe(name);
      expect(status).toMatchObject({ name, replicas: 1, availableReplicas: 1, labels: { colour: 'red' } });
      expect(status?.constraints).toEqual([under.constraint]);
      expect((await runtime.list()).map((one) => one.name)).toContain(name);
      expect(await runtime.describe('nobody')).toBeUndefined();
    });

    it('can be called as soon as the deployment is accepted', async () => {
      await runtime.deploy(under.probe('at-once'));
      expect(await textOf(await call('at-once', '/echo', Buffer.from('early')))).toBe('early');
    });

    it('answer with the bytes they were sent, five megabytes of any value too', async () => {
      const name = await deployed();
      const body = randomBytes(5_000_000);
      expect(body.equals(await bodyOf(await call(name, '/echo', body)))).toBe(true);
      const streamed = await call(
        name,
        '/echo',
        Readable.from([body.subarray(0, 1_000_000), body.subarray(1_000_000)]),
      );
      expect(body.equals(await bodyOf(streamed))).toBe(true);
    });

    it('say how long they took', async () => {
      const name = await deployed();
      const { headers } = await call(name, '/echo');
      expect(headers['x-duration-seconds']).toMatch(/^\d+\.\d{6}$/);
    });

    it('see their own environment, and nothing of the agent’s', async () => {
      const name = await deployed({ envVars: { colour: 'green' } });
      expect(await textOf(await call(name, '/env?colour'))).toBe('green');
      process.env.BRAMBLE_TEST_ONLY = 'secret';
      expect(await textOf(await call(name, '/env?BRAMBLE_TEST_ONLY'))).toBe('');
      delete process.env.BRAMBLE_TEST_ONLY;
    });

    it('read secrets as files, and must not ask for one that is missing', async () => {
      await runtime.secrets.create('api-key', Buffer.from([0, 255, 10]));
      const name = await deployed({ secrets: ['api-key'] });
      expect([...(await bodyOf(await call(name, '/secret?api-key')))]).toEqual([0, 255, 10]);
      expect(await codeOf(runtime.deploy(under.probe('lacking', { secrets: ['missing'] })))).toBe('INVALID');
      expect(await codeOf(runtime.secrets.remove('api-key'))).toBe('CONFLICT');
      await runtime.remove(name);
      await runtime.secrets.remove('api-key');
    });

    it('serve the next request after one that crashed them', async () => {
      const name = await deployed();
      expect(await statusOf(call(name, '/crash'))).toBe(500);
      expect(await textOf(await call(name, '/echo', Buffer.from('again')))).toBe('again');
      const lines = await collect(runtime.logs(name, { signal: never }));
      expect(lines.map(({ text }) => text)).toContain('about to crash');
    });

    it('that run longer than exec_timeout are cut off, and serve the next request', async () => {
      const name = await deployed({ envVars: { exec_timeout: '2s' } });
      expect(await codeOf(call(name, '/slow?20'))).toBe('FUNCTION_TIMEOUT');
      expect(await textOf(await call(name, '/echo', Buffer.from('again')))).toBe('again');
    });

    it('at their limit of requests in flight refuse one more as BUSY', async () => {
      const name = await deployed({ envVars: { max_inflight: '1' } });
      const [endpoint] = runtime.endpoints(name);
      const first = endpoint?.invoke(buildRequest('/slow?1'), { signal: never });
      expect(await codeOf(Promise.resolve(endpoint?.invoke(buildRequest('/echo'), { signal: never })))).toBe(
        'BUSY',
      );
      expect((await first)?.status).toBe(200);
    });

    it('let a caller give up', async () => {
      const name = await deployed();
      const caller = new AbortController();
      const work = invoke(name, buildRequest('/slow?3'), { signal: caller.signal });
      await until('the request to be running', () =>
        runtime.endpoints(name).some(({ inFlight }) => inFlight > 0),
      );
      caller.abort();
      expect(await codeOf(work)).toBe('CANCELLED');
    });

    it('are updated without failing a request that is under way or comes meanwhile', async () => {
      const name = await deployed({ envVars: { version: 'one' } });
      const underWay = call(name, '/slow?0.5');
      const seen: string[] = [];
      await runtime.update(under.probe(name, { envVars: { version: 'two' } }));
      while (seen.at(-1) !== 'two') seen.push(await textOf(await call(name, '/env?version')));
      expect(new Set(seen)).toEqual(new Set(seen.length > 1 ? ['one', 'two'] : ['two']));
      expect(await textOf(await underWay)).toBe('slept');
    });

    it('scale to several replicas, each called by its own id, and to none', async () => {
      const name = await deployed();
      await runtime.scale(name, 3);
      const endpoints = await ready(name, 3);
      expect(new Set(endpoints.map(({ id }) => id)).size).toBe(3);
      await runtime.scale(name, 0);
      expect(runtime.endpoints(name)).toEqual([]);
      expect(await codeOf(call(name, '/echo'))).toBe('FUNCTION_UNREADY');
      expect(await codeOf(runtime.scale(name, 21))).toBe('INVALID');
    });

    it('finish the request they are serving before they are removed', async () => {
      const name = await deployed();
      const underWay = call(name, '/slow?0.5');
      await until('the request to be running', () =>
        runtime.endpoints(name).some(({ inFlight }) => inFlight > 0),
      );
      await runtime.remove(name);
      expect(await textOf(await underWay)).toBe('slept');
      expect(runtime.endpoints(name)).toEqual([]);
      expect(await runtime.describe(name)).toBeUndefined();
    });

    it('have a log by replica and time, as a whole, its tail, since a time, and as it grows', async () => {
      const name = await deployed();
      await call(name, '/log?first');
      await call(name, '/log?second');
      const texts = async (query: object) =>
        (await collect(runtime.logs(name, { ...query, signal: never }))).map(({ text }) => text);
      await until('both lines', async () => (await texts({})).length === 2);
      expect(await texts({})).toEqual(['first', 'second']);
      expect(await texts({ tail: 1 })).toEqual(['second']);
      expect(await texts({ sinceMs: Date.now() + 60_000 })).toEqual([]);

      const reader = new AbortController();
      const followed: LogLine[] = [];
      const reading = (async () => {
        for await (const line of runtime.logs(name, { follow: true, tail: 0, signal: reader.signal }))
          followed.push(line);
      })();
      await call(name, '/log?third');
      await until('the followed line', () => followed.length > 0);
      reader.abort();
      await reading;
      expect(followed[0]).toMatchObject({ name, text: 'third' });
      expect(followed[0]?.instance).not.toBe('');
    });

    it('are known by name: twice the same, or an unknown one, is an error', async () => {
      const name = await deployed();
      expect(await codeOf(runtime.deploy(under.probe(name)))).toBe('FUNCTION_EXISTS');
      expect(await codeOf(runtime.update(under.probe('nobody')))).toBe('FUNCTION_NOT_FOUND');
      expect(await codeOf(runtime.remove('nobody'))).toBe('FUNCTION_NOT_FOUND');
      expect(await codeOf(runtime.scale('nobody', 1))).toBe('FUNCTION_NOT_FOUND');
      expect(await codeOf(collect(runtime.logs('nobody', { signal: never })))).toBe('FUNCTION_NOT_FOUND');
    });

    it('tell of every change', async () => {
      let changes = 0;
      const unwatch = runtime.onChange(() => {
        changes += 1;
      });
      const name = await deployed();
      expect(changes).toBeGreaterThan(0);
      changes = 0;
      await runtime.remove(name);
      expect(changes).toBeGreaterThan(0);
      unwatch();
    });

    it('have secrets that are listed by name, replaced and removed', async () => {
      const { secrets } = runtime;
      await secrets.create('one', Buffer.from('1'));
      expect(await codeOf(secrets.create('one', Buffer.from('1')))).toBe('SECRET_EXISTS');
      expect(await codeOf(secrets.create('../one', Buffer.from('1')))).toBe('INVALID');
      await secrets.replace('one', Buffer.from('2'));
      expect(await secrets.list()).toContain('one');
      await secrets.remove('one');
      expect(await secrets.list()).not.toContain('one');
      expect(await codeOf(secrets.replace('one', Buffer.from('1')))).toBe('NOT_FOUND');
      expect(await codeOf(secrets.remove('one'))).toBe('NOT_FOUND');
    });
  });
}

async function collect(lines: AsyncIterable<LogLine>): Promise<LogLine[]> {
  const all: LogLine[] = [];
  for await (const line of lines) all.push(line);
  return all;
}
