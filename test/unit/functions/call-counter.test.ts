import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { CallCounter } from '../../../src/functions/call-counter.ts';
import type { FunctionResponse } from '../../../src/functions/endpoint.ts';
import { BrambleError } from '../../../src/support/errors.ts';
import { buildRequest, never } from '../../support/requests.ts';
import { until } from '../../support/wait.ts';

const answer = (body: FunctionResponse['body'] = Buffer.from('ok')): FunctionResponse => ({
  status: 200,
  headers: {},
  body,
});

describe('the call counter', () => {
  it('counts a call as in flight until its answer is there', async () => {
    let finish: (response: FunctionResponse) => void = () => {};
    const counter = new CallCounter(() => new Promise((resolve) => (finish = resolve)));
    const call = counter.invoke('fn', buildRequest(), { signal: never });
    expect(counter.counts().get('fn')).toEqual({ inFlight: 1, requests: 1 });
    finish(answer());
    await call;
    expect(counter.counts().get('fn')).toEqual({ inFlight: 0, requests: 1 });
  });

  it('counts a streamed answer until its end, and one that is thrown away', async () => {
    const counter = new CallCounter(async () => answer(Readable.from(['a', 'b'])));
    const one = await counter.invoke('fn', buildRequest(), { signal: never });
    const other = await counter.invoke('fn', buildRequest(), { signal: never });
    expect(counter.counts().get('fn')?.inFlight).toBe(2);
    if (one.body instanceof Readable) one.body.resume();
    if (other.body instanceof Readable) other.body.destroy();
    await until('no call in flight', () => counter.counts().get('fn')?.inFlight === 0);
  });

  it('counts a failed call, and remembers no name that nothing is deployed under', async () => {
    const codes = ['FUNCTION_FAILED', 'FUNCTION_NOT_FOUND'] as const;
    const counter = new CallCounter((name) => {
      throw new BrambleError(name === 'fn' ? codes[0] : codes[1], name);
    });
    for (const name of ['fn', 'made-up'])
      await expect(counter.invoke(name, buildRequest(), { signal: never })).rejects.toThrow(name);
    expect([...counter.counts()]).toEqual([['fn', { inFlight: 0, requests: 1 }]]);
  });
});
