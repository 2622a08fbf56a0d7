import { describe, expect, test } from 'vitest';
import { BrambleError } from '../../../src/support/errors.ts';
import type { AsyncCall } from '../../../src/triggers/acceptor.ts';
import { buildEvent } from '../../support/store-values.ts';
import { answer, buildEntry, heldFunction, startRig } from '../../support/triggers.ts';
import { until } from '../../support/wait.ts';

function buildCall(fields: Partial<AsyncCall> = {}): AsyncCall {
  return {
    method: 'POST',
    path: '/',
    query: '',
    headers: {},
    body: Buffer.from('hello'),
    callbackUrl: null,
    ...fields,
  };
}

test('an event that comes twice is delivered once', async () => {
  const light = buildEntry('light');
  const rig = await startRig([light]);
  rig.functions.define('light', () => answer(200));
  const event = buildEvent();

  const first = await rig.acceptor.accept(event, [light]);
  const second = await rig.acceptor.accept(event, [light]);

  expect([first.outcome, second.outcome]).toEqual(['stored', 'duplicate']);
  await until('it is handled', async () => (await rig.waiting('light')) === 0);
  expect(rig.functions.calls.length).toBe(1);
});

describe('an async call', () => {
  test('reaches the function as it was made', async () => {
    const rig = await startRig([buildEntry('light')]);
    rig.functions.define('light', () => answer(200));
    const headers = { 'x-call-id': 'call-1', 'content-type': 'text/plain' };

    await rig.acceptor.acceptAsync('light', buildCall({ method: 'PUT', path: '/a', query: 'b=c', headers }));

    await until('the call', () => rig.functions.calls.length === 1);
    const request = rig.functions.calls[0]?.request;
    expect(request).toMatchObject({ method: 'PUT', path: '/a', query: 'b=c', headers });
    expect(Buffer.from(request?.body as Uint8Array).toString()).toBe('hello');
  });

  test('with the call id of another one is made all the same', async () => {
    const rig = await startRig([buildEntry('light')]);
    rig.functions.define('light', () => answer(200));
    const headers = { 'x-call-id': 'call-1' };

    await rig.acceptor.acceptAsync('light', buildCall({ headers }));
    await rig.acceptor.acceptAsync('light', buildCall({ headers }));

    await until('both calls', () => rig.functions.calls.length === 2);
  });

  test('to an unknown function is refused', async () => {
    const rig = await startRig([]);
    await expect(rig.acceptor.acceptAsync('light', buildCall())).rejects.toMatchObject({
      code: 'FUNCTION_NOT_FOUND',
    });
  });

  test('to a full queue is refused and leaves no dead letter', async () => {
    const rig = await startRig([buildEntry('light', { delivery: { queueLimit: 1 } })]);
    rig.functions.define('light', heldFunction().run);
    await rig.acceptor.acceptAsync('light', buildCall());

    await expect(rig.acceptor.acceptAsync('light', buildCall())).rejects.toMatchObject({ code: 'BUSY' });

    expect(await rig.store.deadLetters({ limit: 1 })).toEqual([]);
  });

  test.each(['ftp://there/file', 'not an address', ''])(
    'to be answered at %j is refused',
    async (callbackUrl) => {
      const rig = await startRig([buildEntry('light')]);
      await expect(rig.acceptor.acceptAsync('light', buildCall({ callbackUrl }))).rejects.toMatchObject({
        code: 'INVALID',
      });
    },
  );
});

describe('a callback', () => {
  const callbackUrl = 'http://caller/back';

  test('brings the answer with its status, name, call id and duration', async () => {
    const rig = await startRig([buildEntry('light')]);
    rig.functions.define('light', () => answer(201, 'done', { 'x-own': 'kept', connection: 'close' }));

    await rig.acceptor.acceptAsync('light', buildCall({ callbackUrl, headers: { 'x-call-id': 'call-1' } }));

    const [post] = await until('the callback', () => (rig.posts.length > 0 ? rig.posts : undefined));
    expect(post).toMatchObject({ url: callbackUrl, body: Buffer.from('done') });
    expect(post?.headers).toEqual({
      'x-own': 'kept',
      'x-function-name': 'light',
      'x-function-status': '201',
      'x-call-id': 'call-1',
      'x-duration-seconds': '0.000000',
    });
  });

  test('tells of a call that became a dead letter', async () => {
    const rig = await startRig([buildEntry('light', { delivery: { attempts: 1 } })]);
    rig.functions.define('light', () => {
      throw new BrambleError('FUNCTION_FAILED', 'crashed');
    });

    await rig.acceptor.acceptAsync('light', buildCall({ callbackUrl }));

    const [post] = await until('the callback', () => (rig.posts.length > 0 ? rig.posts : undefined));
    expect(post?.headers).toMatchObject({ 'x-function-status': '503' });
  });

  test('that fails is tried three times, and is counted', async () => {
    const light = buildEntry('light');
    const rig = await startRig([light], { post: async () => 503 });
    rig.functions.define('light', () => answer(200));

    await rig.acceptor.acceptAsync('light', buildCall({ callbackUrl }));
    await until('it is given up', async () => {
      await rig.clock.advance(5_000);
      const { values } = await rig.measures.callbacks.get();
      return values.some(({ labels, value }) => labels.outcome === 'failed' && value === 1);
    });

    expect(rig.posts.length).toBe(3);
  });

  test('to a receiver that hangs delays no call', async () => {
    const rig = await startRig([buildEntry('light')], { post: () => new Promise(() => {}) });
    rig.functions.define('light', () => answer(200));

    for (let i = 0; i < 10; i += 1) await rig.acceptor.acceptAsync('light', buildCall({ callbackUrl }));

    await until('all are handled', async () => (await rig.waiting('light')) === 0);
  });
});
