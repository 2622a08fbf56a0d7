import { expect, it } from 'vitest';
import { inChunks } from '../../../../provision/image/in-chunks.ts';

async function* pieces(...lengths: number[]) {
  let next = 0;
  for (const length of lengths) yield Uint8Array.from({ length }, () => next++);
}

async function chunked(lengths: readonly number[], chunkBytes: number): Promise<number[][]> {
  const chunks: number[][] = [];
  for await (const chunk of inChunks(pieces(...lengths), chunkBytes)) chunks.push([...chunk]);
  return chunks;
}

it('pieces of any length become chunks of one, and a shorter last one', async () => {
  expect(await chunked([1, 0, 5, 1], 3)).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
  expect(await chunked([3, 3], 3)).toEqual([
    [0, 1, 2],
    [3, 4, 5],
  ]);
  expect(await chunked([2, 3, 1], 3)).toEqual([
    [0, 1, 2],
    [3, 4, 5],
  ]);
});

it('nothing becomes no chunk', async () => {
  expect(await chunked([], 3)).toEqual([]);
  expect(await chunked([0, 0], 3)).toEqual([]);
});

it('a chunk that was given is not written again', async () => {
  const kept: Uint8Array[] = [];
  for await (const chunk of inChunks(pieces(2, 2, 2), 3)) kept.push(chunk);
  expect(kept.map((chunk) => [...chunk])).toEqual([
    [0, 1, 2],
    [3, 4, 5],
  ]);
});
