import { describe, expect, it } from 'vitest';
import { shareReading } from '../../../../provision/flash/share-reading.ts';
import type { Image } from '../../../../provision/image/image.ts';
import { imageOf, plainImage } from '../../../support/flash-parts.ts';
import { collect } from '../../../support/packed-image.ts';
import { until } from '../../../support/wait.ts';

const mib = 1024 * 1024;
const { signal } = new AbortController();
const large = plainImage({ sizeBytes: 40 * mib });

const chunksOf = (image: Image) => image.chunks({ signal })[Symbol.asyncIterator]();

describe('one reading of an image for several disks', () => {
  it('gives each of them the whole image, and reads it once', async () => {
    const image = imageOf(large);
    const shared = shareReading(image, ['a', 'b', 'c'], signal);
    expect(shared.map(([reader]) => reader)).toEqual(['a', 'b', 'c']);
    for (const content of await Promise.all(shared.map(([, one]) => collect(one.chunks({ signal })))))
      expect(content.equals(large)).toBe(true);
    expect(image.given()).toBe(40);
  });

  it('goes ahead of a slow disk by a bounded number of chunks', async () => {
    const image = imageOf(large);
    const [[, one] = [undefined, image]] = shareReading(image, ['slow'], signal);
    const chunks = chunksOf(one);
    await chunks.next();
    await until('it is some chunks ahead', () => image.given() > 8);
    expect(image.given()).toBeLessThan(20);
    await chunks.return?.();
  });

  it('holds a fast disk up for a slow one, and no longer when that has stopped', async () => {
    const image = imageOf(large);
    const [[, fast] = [undefined, image], [, slow] = [undefined, image]] = shareReading(
      image,
      ['f', 's'],
      signal,
    );
    const slowChunks = chunksOf(slow);
    await slowChunks.next();
    let isDone = false;
    const all = collect(fast.chunks({ signal })).finally(() => {
      isDone = true;
    });
    await until('the window is full', () => image.given() > 8);
    expect(isDone).toBe(false);
    await slowChunks.return?.();
    expect((await all).equals(large)).toBe(true);
  });

  it('tells everyone when the image breaks, after what was sound', async () => {
    const endsWith = new Error('broken');
    const shared = shareReading(imageOf(plainImage(), { endsWith }), [1, 2], signal);
    for (const [, one] of shared.map((pair) => pair)) expect(one.sizeBytes).toBe(4 * mib);
    const ends = await Promise.allSettled(shared.map(([, one]) => collect(one.chunks({ signal }))));
    expect(ends).toEqual([
      { status: 'rejected', reason: endsWith },
      { status: 'rejected', reason: endsWith },
    ]);
  });

  it('closes the image when the last of them stops', async () => {
    let isClosed = false;
    const image = imageOf(large);
    const watched: Image = {
      ...image,
      async *chunks(options) {
        try {
          yield* image.chunks(options);
        } finally {
          isClosed = true;
        }
      },
    };
    const [[, one] = [undefined, watched]] = shareReading(watched, ['only'], signal);
    const chunks = chunksOf(one);
    await chunks.next();
    expect(isClosed).toBe(false);
    await chunks.return?.();
    expect(isClosed).toBe(true);
  });

  it('ends for all of them when it is interrupted', async () => {
    const abort = new AbortController();
    const shared = shareReading(imageOf(large), [1, 2], abort.signal);
    const iterators = shared.map(([, one]) => chunksOf(one));
    for (const chunks of iterators) await chunks.next();
    abort.abort(new Error('enough'));
    const drain = async (chunks: AsyncIterator<Uint8Array>) => {
      while (!(await chunks.next()).done);
    };
    const ends = await Promise.allSettled(iterators.map(drain));
    expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
