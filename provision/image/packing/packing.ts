/** Bytes of a stored file, from its first on. */
export type Bytes = AsyncIterable<Uint8Array>;

/**
 * Decompresses. It asks for more only when what it gave was taken, and ends all that it started when its reader stops early.
 * Truncated or corrupt data rejects with any error; an error of `stored` is passed on as it is.
 */
export type Unpack = (stored: Bytes, signal: AbortSignal) => Bytes;

/** What was found out about a stored image before it is read. */
export interface Packing {
  /** Of the unpacked image, when the format tells it. */
  readonly sizeBytes: number | undefined;
  readonly unpack: Unpack;
  /** Program that has to be installed, unless a SHA-256 is known: without either, damage would not be noticed. */
  readonly missing?: string;
}
