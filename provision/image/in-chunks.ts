/** The same bytes in chunks of one length, but for the last. A piece that has that length already is not copied. */
export async function* inChunks(
  pieces: AsyncIterable<Uint8Array>,
  chunkBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let chunk = Buffer.alloc(0);
  let filled = 0;
  for await (const piece of pieces) {
    if (filled === 0 && piece.length === chunkBytes) {
      yield piece;
      continue;
    }
    for (let taken = 0; taken < piece.length; ) {
      if (filled === 0) chunk = Buffer.allocUnsafeSlow(chunkBytes); // whoever got the last one may still hold it
      const part = piece.subarray(taken, taken + chunkBytes - filled);
      chunk.set(part, filled);
      taken += part.length;
      filled += part.length;
      if (filled === chunkBytes) {
        yield chunk;
        filled = 0;
      }
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
