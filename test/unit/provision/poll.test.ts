import { describe, expect, it } from 'vitest';
import { poll } from '../../../provision/poll.ts';
import { hastyClock } from '../../support/memory-life.ts';

const { signal } = new AbortController();
const options = () => ({ clock: hastyClock(), timeoutMs: 2_000, signal });

/** Finds these one after the other, then nothing more; tells how often it was asked. */
function finding<Found>(...found: (Found | undefined | false)[]) {
  const asked = { times: 0, look: async () => found[asked.times++] };
  return asked;
}

describe('polling', () => {
  it('ends with the first thing that is found', async () => {
    const asked = finding(undefined, false, 0, 1);
    expect(await poll(asked.look, options())).toBe(0);
    expect(asked.times).toBe(3);
  });

  it('ends with nothing when the time is over, but not before the first look', async () => {
    expect(await poll(finding().look, options())).toBeUndefined();
    expect(await poll(finding('here').look, { ...options(), timeoutMs: 0 })).toBe('here');
  });

  it('ends with what it saw last, where that was not enough', async () => {
    const isEnough = (seen: unknown) => seen === 'all';
    expect(await poll(finding('some', 'all', 'more').look, { ...options(), isEnough })).toBe('all');
    expect(await poll(async () => 'some', { ...options(), isEnough })).toBe('some');
  });

  it('ends with what went wrong', async () => {
    const failing = () => Promise.reject(new Error('no way there'));
    await expect(poll(failing, options())).rejects.toThrow('no way there');
  });

  it('ends when it is told to', async () => {
    const abort = AbortSignal.abort(new Error('interrupted'));
    await expect(poll(finding().look, { ...options(), signal: abort })).rejects.toThrow('interrupted');
  });
});
