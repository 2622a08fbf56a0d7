import type { Image } from '../image/image.ts';

/** Chunks of 1 MiB that are unpacked ahead of the slowest reader: enough to bridge a pause of a card or of the unpacking. */
const windowChunks = 16;

/**
 * One reading of an image for several disks at the same time: it is unpacked once, ahead of the disks, and no faster than the
 * slowest of them takes it. Each reader's image gives its chunks once, and these are shared: nobody changes them. A reader that
 * stops is no longer waited for; one that never begins holds the others up.
 */
export function shareReading<Reader>(
  image: Image,
  readers: readonly Reader[],
  signal: AbortSignal,
): readonly (readonly [Reader, Image])[] {
  const given = new AbortController();
  const window: Uint8Array[] = [];
  /** Number of the chunk that the window begins with, and of the next one for each reader that has not stopped. */
  let firstChunk = 0;
  const places = new Map(readers.map((reader) => [reader, 0]));
  let ending: { readonly error?: unknown } | undefined;
  let pumping: Promise<void> | undefined;
  const { changed, announce } = announcements();

  const pump = async (): Promise<void> => {
    try {
      for await (const chunk of image.chunks({ signal: AbortSignal.any([signal, given.signal]) })) {
        window.push(chunk);
        announce();
        while (window.length >= windowChunks && places.size > 0) await changed();
      }
      ending = {};
    } catch (error) {
      ending = { error };
    }
    announce();
  };
  const move = (): void => {
    const slowest = Math.min(...places.values());
    for (; firstChunk < slowest && window.length > 0; firstChunk += 1) window.shift();
    announce();
  };
  async function* read(reader: Reader): AsyncGenerator<Uint8Array, void, undefined> {
    pumping ??= pump();
    try {
      for (let next = 0; ; next += 1) {
        while (next - firstChunk >= window.length && ending === undefined) await changed();
        const chunk = window[next - firstChunk];
        if (chunk === undefined) break;
        places.set(reader, next + 1);
        move();
        yield chunk;
      }
      if (ending !== undefined && 'error' in ending) throw ending.error;
    } finally {
      places.delete(reader);
      move();
      if (places.size === 0) {
        given.abort();
        await pumping;
      }
    }
  }
  return readers.map((reader) => [reader, { ...image, chunks: () => read(reader) }]);
}

/** What waits for `changed` goes on at the next `announce`. */
function announcements(): { changed: () => Promise<void>; announce: () => void } {
  let wake = (): void => {};
  const wait = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  let change = wait();
  return {
    changed: () => change,
    announce() {
      const wakeNow = wake;
      change = wait();
      wakeNow();
    },
  };
}
