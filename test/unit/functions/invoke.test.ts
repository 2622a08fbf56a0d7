import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Endpoint, FunctionRequest } from '../../../src/functions/endpoint.ts';
import { createInvoke, type Invoke } from '../../../src/functions/invoke.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { BrambleError, type ErrorCode } from '../../../src/support/errors.ts';
import { Metrics } from '../../../src/support/metrics.ts';
import { buildEndpoint, FakeCatalogue } from '../../support/fake-catalogue.ts';
import { buildRequest, codeOf, never } from '../../support/requests.ts';

describe('invoke', () => {
  let catalogue: FakeCatalogue;
  let clock: ManualClock;
  let metrics: Metrics;
  let invoke: Invoke;
  beforeEach(() => {
    catalogue = new FakeCatalogue();
    clock = new ManualClock();
    metrics = new Metrics();
    invoke = createInvoke({ catalogue, metrics, node: 'here', clock, newId: () => 'new-id' });
  });

  const call = (request = buildRequest(), signal = never) => invoke('fn', request, { signal });

  /** A replica that keeps the requests it got. */
  function recording(fields: Partial<Endpoint> = {}): Endpoint & { readonly got: FunctionRequest[] } {
    const got: FunctionRequest[] = [];
    const answer = { status: 200, headers: { 'x-own': 'yes' }, body: Buffer.alloc(0) };
    const invoke = async (request: FunctionRequest) => {
      got.push(request);
      return answer;
    };
    return { ...buildEndpoint({ invoke, ...fields }), got };
  }

  const failing = (id: string, code: ErrorCode): Endpoint =>
    buildEndpoint({ id, invoke: () => Promise.reject(new BrambleError(code, id)) });

  it('names each call and its start, to the function and to the caller', async () => {
    const replica = recording();
    catalogue.set('fn', [replica]);
    const { headers } = await call();
    const call_ = { 'x-call-id': 'new-id', 'x-start-time': `${clock.nowMs()}000000` };
    expect(headers).toEqual({ ...call_, 'x-own': 'yes' });
    expect(replica.got[0]?.headers).toMatchObject(call_);
  });

  it('keeps the id and start that a caller gave', async () => {
    const replica = recording();
    catalogue.set('fn', [replica]);
    const { headers } = await call(
      buildRequest('/', { headers: { 'x-call-id': 'mine', 'x-start-time': '1' } }),
    );
    expect(headers).toMatchObject({ 'x-call-id': 'mine', 'x-start-time': '1' });
    expect(replica.got[0]?.headers).toEqual({ 'x-call-id': 'mine', 'x-start-time': '1' });
  });

  it('knows only functions that are deployed', async () => {
    expect(await codeOf(call())).toBe('FUNCTION_NOT_FOUND');
  });

  it('tries another replica when one could not take the request', async () => {
    const replica = recording({ id: 'b', inFlight: 5 });
    catalogue.set('fn', [failing('a', 'FUNCTION_UNREADY'), replica]);
    expect((await call()).status).toBe(200);
    expect(replica.got).toHaveLength(1);
  });

  it.each<ErrorCode>(['FUNCTION_FAILED', 'FUNCTION_TIMEOUT', 'BUSY'])(
    'does not try again after %s: the function may have begun, or the caller is to wait',
    async (code) => {
      const replica = recording({ id: 'b', inFlight: 5 });
      catalogue.set('fn', [failing('a', code), replica]);
      expect(await codeOf(call())).toBe(code);
      expect(replica.got).toHaveLength(0);
    },
  );

  it('does not send a stream twice that was read from', async () => {
    const body = Readable.from(['x']);
    const reading: Endpoint = buildEndpoint({
      id: 'a',
      invoke: async () => {
        await body.toArray();
        throw new BrambleError('FUNCTION_UNREADY', 'a');
      },
    });
    const replica = recording({ id: 'b', inFlight: 5 });
    catalogue.set('fn', [reading, replica]);
    expect(await codeOf(call(buildRequest('/', { body })))).toBe('FUNCTION_UNREADY');
    expect(replica.got).toHaveLength(0);
  });

  it('waits for the first replica of a function that was just deployed', async () => {
    catalogue.set('fn', []);
    const work = call();
    await clock.advance(5_000);
    catalogue.set('fn', [recording()]);
    expect((await work).status).toBe(200);
    expect([clock.pendingTimers, catalogue.watchers]).toEqual([0, 0]);
  });

  it('waits for a replica at most ten seconds, and no longer than the function may take', async () => {
    catalogue.set('fn', []);
    const long = codeOf(call());
    await clock.advance(10_000);
    expect(await long).toBe('FUNCTION_UNREADY');
    catalogue.set('fn', [], { envVars: { exec_timeout: '2s' } });
    const short = codeOf(call());
    await clock.advance(2_000);
    expect(await short).toBe('FUNCTION_UNREADY');
    expect([clock.pendingTimers, catalogue.watchers]).toEqual([0, 0]);
  });

  it('ends its wait when the caller gives up or the function is removed', async () => {
    catalogue.set('fn', []);
    const caller = new AbortController();
    const given = codeOf(call(buildRequest(), caller.signal));
    const removed = codeOf(call());
    caller.abort();
    expect(await given).toBe('CANCELLED');
    catalogue.remove('fn');
    expect(await removed).toBe('FUNCTION_UNREADY');
    expect([clock.pendingTimers, catalogue.watchers]).toEqual([0, 0]);
  });

  it('does not wait for a function that is scaled to none', async () => {
    catalogue.set('fn', [], { replicas: 0 });
    expect(await codeOf(call())).toBe('FUNCTION_UNREADY');
  });

  it('tries a replica again after a moment that did not listen yet, if there is no other', async () => {
    let isListening = false;
    const starting = buildEndpoint({
      id: 'a',
      invoke: async () => {
        if (!isListening) throw new BrambleError('FUNCTION_UNREADY', 'refused');
        return { status: 200, headers: {}, body: Buffer.alloc(0) };
      },
    });
    catalogue.set('fn', [starting]);
    const work = call();
    await clock.advance(1_000);
    isListening = true;
    await clock.advance(1_000);
    expect((await work).status).toBe(200);
    expect([clock.pendingTimers, catalogue.watchers]).toEqual([0, 0]);
  });

  it('sends a stream to another replica when the first refused before it read from it', async () => {
    const replica = recording({ id: 'b', inFlight: 5 });
    catalogue.set('fn', [failing('a', 'FUNCTION_UNREADY'), replica]);
    const body = Readable.from(['x']);
    expect((await call(buildRequest('/', { body }))).status).toBe(200);
    expect(replica.got[0]?.body).toBe(body);
  });

  describe('of a function that sleeps', () => {
    let woken: string[];
    beforeEach(() => {
      woken = [];
      const wake = (name: string) => void woken.push(name);
      invoke = createInvoke({
        catalogue,
        metrics: new Metrics(),
        node: 'here',
        clock,
        newId: () => 'new-id',
        wake,
      });
    });

    it('wakes it once for many callers, and then serves them all', async () => {
      catalogue.set('fn', [], { replicas: 0 });
      const work = Array.from({ length: 50 }, () => call(buildRequest(), new AbortController().signal));
      expect(woken).toEqual(['fn']);
      const replica = recording();
      catalogue.set('fn', [replica]);
      const statuses = (await Promise.all(work)).map(({ status }) => status);
      expect(new Set(statuses)).toEqual(new Set([200]));
      expect(replica.got).toHaveLength(50);
      expect([clock.pendingTimers, catalogue.watchers]).toEqual([0, 0]);
    });

    it('asks again while somebody waits, and for a minute at most, whatever the time limit of answers', async () => {
      catalogue.set('fn', [], { replicas: 0, envVars: { exec_timeout: '2s' } });
      const work = codeOf(call());
      await clock.advance(59_000);
      expect(woken.length).toBeGreaterThan(10);
      await clock.advance(1_000);
      expect(await work).toBe('FUNCTION_UNREADY');
      const before = woken.length;
      await clock.advance(10_000);
      expect(woken).toHaveLength(before);
      expect([clock.pendingTimers, catalogue.watchers]).toEqual([0, 0]);
    });

    it('wakes nothing that is awake, and nothing that does not exist', async () => {
      catalogue.set('fn', [recording()]);
      await call();
      await codeOf(invoke('unknown', buildRequest(), { signal: never }));
      expect(woken).toEqual([]);
    });

    it('lets only so many callers wait', async () => {
      catalogue.set('fn', [], { replicas: 0 });
      const work = Array.from({ length: 1_025 }, () =>
        codeOf(call(buildRequest(), new AbortController().signal)),
      );
      expect(await work[1_024]).toBe('BUSY');
      catalogue.remove('fn');
      expect(new Set(await Promise.all(work.slice(0, 1_024)))).toEqual(new Set(['FUNCTION_UNREADY']));
    });
  });

  it('counts and times calls by function and status, those that failed too', async () => {
    catalogue.set('fn', [recording()]);
    await call();
    catalogue.set('fn', [failing('a', 'FUNCTION_TIMEOUT')]);
    await codeOf(call());
    const text = await metrics.render();
    expect(text).toContain('gateway_function_invocation_started{function_name="fn"} 2');
    expect(text).toContain('gateway_function_invocation_total{function_name="fn",code="200"} 1');
    expect(text).toContain('gateway_function_invocation_total{function_name="fn",code="504"} 1');
    expect(text).toContain('gateway_functions_seconds_count{function_name="fn",code="200"} 1');
  });
});
