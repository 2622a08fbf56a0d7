/** An operating system's image, ready to be read once from its beginning. */
export interface Image {
  /** A path, or a URL without credentials. */
  readonly name: string;
  /** Length of what `chunks` gives in all, when the format tells it before it was read. */
  readonly sizeBytes: number | undefined;
  /** Of the source, as it is stored: what `progress` counts. */
  readonly storedBytes: number;
  /**
   * The decompressed image, in order. Rejects IMAGE_BROKEN when the source is truncated or corrupt, or is not what its SHA-256
   * promised (told after the last chunk).
   */
  chunks(options: { readonly signal: AbortSignal }): AsyncIterable<Uint8Array>;
  /** Bytes of the source that were read so far: the progress where `sizeBytes` is not known. */
  readonly readBytes: () => number;
}
