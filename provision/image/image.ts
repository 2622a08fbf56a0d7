/** An operating system's image, ready to be read from its beginning; again when the reading before has ended. */
export interface Image {
  /** A path, or a URL without credentials. */
  readonly name: string;
  /** Length of what `chunks` gives in all, when the format tells it before it was read. */
  readonly sizeBytes: number | undefined;
  /** Of the source, as it is stored: what `progress` counts. */
  readonly storedBytes: number;
  /** What a user should know before it is used: that no SHA-256 vouches for it, that it is a copy of earlier. */
  readonly remarks: readonly string[];
  /**
   * The decompressed image, in order, in chunks of 1 MiB but for the last. Rejects INVALID before the first chunk when it is no
   * disk's image, and IMAGE_BROKEN when the source is truncated or corrupt, or is not what its SHA-256 promised (told after
   * the last chunk). Aborted, it rejects with the signal's reason.
   */
  chunks(options: { readonly signal: AbortSignal }): AsyncIterable<Uint8Array>;
  /** Bytes of the source that were read so far: the progress where `sizeBytes` is not known. */
  readonly readBytes: () => number;
}
