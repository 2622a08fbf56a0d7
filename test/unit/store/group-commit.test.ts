import { describe, expect, it } from 'vitest';
import { openEngine } from '../../../src/store/engine.ts';
import { type Executor, GroupCommitStore, maxPending } from '../../../src/store/group-commit.ts';
import { buildDelivery, buildEvent } from '../../support/store-values.ts';

const when = { nowMs: 0, dedupeMs: 1_000 };
const accept = (store: GroupCommitStore) => store.accept(buildEvent(), [buildDelivery()], when);

describe('group commit', () => {
  it('carries a thousand callers of one moment in few transactions', async () => {
    const { store, counts } = await openCounting();
    await Promise.all(Array.from({ length: 1_000 }, () => accept(store)));
    expect(counts.commits).toBeLessThan(5);
    await store.stop();
  });

  it('carries callers that come and go in about one transaction for each time around', async () => {
    const { store, counts } = await openCounting();
    const caller = async () => {
      for (let i = 0; i < 10; i += 1) await accept(store);
    };
    await Promise.all(Array.from({ length: 100 }, caller));
    expect(counts.commits).toBeLessThan(30);
    expect(await store.waiting('light', { afterId: 0, limit: 5_000 })).toHaveLength(1_000);
    await store.stop();
  });

  it('refuses with BUSY what is too much, and serves those before it', async () => {
    const { store } = await openCounting();
    const results = await Promise.allSettled(
      Array.from({ length: maxPending + 3 }, () => store.countOutbox()),
    );
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused).toMatchObject(Array.from({ length: 3 }, () => ({ reason: { code: 'BUSY' } })));
    await store.stop();
  });

  it('refuses with BUSY when too many bytes wait', async () => {
    const { store } = await openCounting();
    const data = new Uint8Array(40 * 1024 * 1024);
    const results = await Promise.allSettled(
      [1, 2].map(() => store.accept(buildEvent({ data }), [buildDelivery()], when)),
    );
    expect(results).toMatchObject([{ status: 'fulfilled' }, { reason: { code: 'BUSY' } }]);
    await store.stop();
  });

  it('finishes what was asked for when it is stopped, and refuses what comes later', async () => {
    const { store } = await openCounting();
    const accepted = Promise.all(Array.from({ length: 100 }, () => accept(store)));
    const stopped = store.stop();
    await expect(accept(store)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await accepted).toHaveLength(100);
    await stopped;
  });

  it('goes on after a batch that could not be carried out', async () => {
    const { store, counts } = await openCounting();
    counts.failures = 1;
    await expect(accept(store)).rejects.toMatchObject({ message: 'thread gone' });
    expect((await accept(store)).outcome).toBe('stored');
    await store.stop();
  });
});

/** A store in memory whose transactions take a turn of the event loop, as they do on disk, and are counted. */
async function openCounting() {
  const engine = openEngine(':memory:');
  const counts = { commits: 0, failures: 0 };
  const executor: Executor = {
    async open() {},
    async run(requests) {
      await new Promise((resolve) => setImmediate(resolve));
      if (counts.failures-- > 0) throw new Error('thread gone');
      counts.commits += 1;
      return engine.applyBatch(requests);
    },
    async close() {
      engine.close();
    },
  };
  const store = new GroupCommitStore(executor);
  await store.start(new AbortController().signal);
  return { store, counts };
}
