/** A file that an image is in, and what is known of it. */
export interface StoredImage {
  readonly path: string;
  /** For people: the path that they gave, or the URL without what may be secret in it. */
  readonly name: string;
  /** Of the file; it is compared whenever the file is read. */
  readonly sha256: string | undefined;
  /** Whether somebody else said what the SHA-256 has to be; else it is only what was downloaded in the first place. */
  readonly isVouched: boolean;
  /** As in `Image`. */
  readonly remarks: readonly string[];
  /** For our own copies: removes it, so that it is downloaded anew. */
  readonly discard?: () => Promise<void>;
}
