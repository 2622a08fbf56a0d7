import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { inChunks } from '../../provision/image/in-chunks.ts';
import type { Unpack } from '../../provision/image/packing/packing.ts';
import { BrambleError } from '../../src/support/errors.ts';
import { collect, damaged, someImage, sparseImage } from '../support/packed-image.ts';
import { processesBelow } from '../support/processes.ts';
import { until } from '../support/wait.ts';

export interface Unpacking {
  readonly unpack: Unpack;
  readonly pack: (content: Buffer) => Buffer;
  /** Whether it compares checksums. */
  readonly detectsDamage: boolean;
}

/** What every way to unpack an image promises. */
export function unpackContract(name: string, { unpack, pack, detectsDamage }: Unpacking): void {
  const { signal } = new AbortController();
  const image = someImage();
  const packedImage = once(() => pack(image));

  describe(`unpacking by ${name}`, () => {
    it('gives what was packed', async () => {
      expect((await collect(unpack(source(packedImage()), signal))).equals(image)).toBe(true);
    });

    it('goes on behind the end of what was packed, where more follows', async () => {
      const more = randomBytes(100_000);
      const both = Buffer.concat([packedImage(), pack(more)]);
      expect((await collect(unpack(source(both), signal))).equals(Buffer.concat([image, more]))).toBe(true);
    });

    it.each([0.001, 0.3, 0.999])('rejects what was cut off at %d of its length', async (ratio) => {
      const cut = packedImage().subarray(0, Math.ceil(packedImage().length * ratio));
      await expect(collect(unpack(source(cut), signal))).rejects.toThrow();
    });

    if (detectsDamage)
      it('rejects what has a wrong byte', async () => {
        await expect(collect(unpack(source(damaged(packedImage(), 500_000)), signal))).rejects.toThrow();
      });

    it('passes an error of its source on', async () => {
      const failure = new BrambleError('DISK_FAILED', 'a bad sector');
      async function* failing() {
        yield packedImage().subarray(0, 500_000);
        throw failure;
      }
      await expect(collect(unpack(failing(), signal))).rejects.toBe(failure);
    });

    it('ends its source and all it started when its reader stops', async () => {
      const stored = watched(packedImage());
      for await (const _ of unpack(stored.bytes, signal)) break;
      await until('the source is ended', () => stored.isEnded());
      expect(processesBelow(process.pid)).toEqual([]);
    });

    it('ends its source and all it started when it is aborted while it waits for more', async () => {
      const abort = new AbortController();
      const stored = watched(packedImage().subarray(0, 500_000), abort.signal);
      const done = collect(unpack(stored.bytes, abort.signal));
      await until('all there is was taken', () => stored.isWaiting());
      abort.abort(new BrambleError('CANCELLED', 'enough'));
      await expect(done).rejects.toThrow();
      await until('the source is ended', () => stored.isEnded());
      expect(processesBelow(process.pid)).toEqual([]);
    });

    it('unpacks no further ahead than its reader is', async () => {
      const megabytes = 128;
      const packed = pack(sparseImage(megabytes));
      const before = process.memoryUsage().arrayBuffers;
      let most = 0;
      for await (const _ of inChunks(unpack(source(packed), signal), 1024 * 1024)) {
        for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      }
      expect(most).toBeLessThan((megabytes / 2) * 1024 * 1024);
    });
  });
}

function once<Result>(make: () => Result): () => Result {
  let made: Result | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

async function* source(content: Uint8Array, pieceBytes = 300_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += pieceBytes) yield content.subarray(at, at + pieceBytes);
}

/** A source that tells how it fares; with a signal it has more to come, which never does. */
function watched(content: Uint8Array, signal?: AbortSignal) {
  let state: 'fresh' | 'waiting' | 'ended' = 'fresh';
  async function* give() {
    try {
      yield* source(content);
      if (signal === undefined) return;
      state = 'waiting';
      await new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      );
    } finally {
      state = 'ended';
    }
  }
  return { bytes: give(), isWaiting: () => state === 'waiting', isEnded: () => state === 'ended' };
}
