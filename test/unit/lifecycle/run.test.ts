import { describe, expect, it } from 'vitest';
import { startAll } from '../../../src/lifecycle/run.ts';
import type { Service } from '../../../src/lifecycle/service.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { silentLog } from '../../../src/support/log.ts';

function recorder() {
  const events: string[] = [];
  const service = (name: string, parts: Partial<Service> = {}): Service => ({
    name,
    start: async () => void events.push(`start ${name}`),
    stop: async () => void events.push(`stop ${name}`),
    ...parts,
  });
  return { events, service };
}

const setUp = (signal = new AbortController().signal) => ({
  log: silentLog,
  clock: new ManualClock(),
  signal,
});

describe('startAll', () => {
  it('starts in order and stops in reverse, once', async () => {
    const { events, service } = recorder();
    const running = await startAll([service('a'), service('b')], setUp());
    await Promise.all([running.stop(), running.stop()]);
    expect(events).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  it('undoes what was started when a start fails, and throws its error', async () => {
    const { events, service } = recorder();
    const broken = service('b', { start: () => Promise.reject(new Error('no broker')) });
    await expect(startAll([service('a'), broken, service('c')], setUp())).rejects.toThrow('no broker');
    expect(events).toEqual(['start a', 'stop a']);
  });

  it('goes on stopping after a failure and returns it', async () => {
    const { events, service } = recorder();
    const broken = service('b', { stop: () => Promise.reject(new Error('stuck')) });
    const running = await startAll([service('a'), broken], setUp());
    expect(await running.stop()).toMatchObject([{ message: 'stuck' }]);
    expect(events).toContain('stop a');
  });

  it('does not wait for a service longer than two seconds', async () => {
    const { events, service } = recorder();
    const options = setUp();
    const hanging = service('b', { stop: () => new Promise(() => {}) });
    const running = await startAll([service('a'), hanging], options);
    const stopped = running.stop();
    await options.clock.advance(2_000);
    expect(await stopped).toMatchObject([
      { message: expect.stringContaining('b did not stop within 2000 ms') },
    ]);
    expect(events).toContain('stop a');
  });

  it('starts nothing more once the signal is aborted', async () => {
    const { events, service } = recorder();
    const abort = new AbortController();
    const last = service('a', { start: async () => abort.abort(new Error('SIGTERM')) });
    await expect(startAll([last, service('b')], setUp(abort.signal))).rejects.toThrow('SIGTERM');
    expect(events).toEqual(['stop a']);
  });
});
