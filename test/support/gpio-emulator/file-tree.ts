/** A file while it is open. What it throws reaches the caller as `errno`. */
export interface OpenFile {
  read(): string;
  write(text: string): void;
  /** How `poll` and `epoll` learn of something exceptional; without it there is never any. */
  readonly poll?: {
    isPending(): boolean;
    /** Calls `wake` when something comes up. Returns the function that ends that. */
    onPending(wake: () => void): () => void;
  };
}

export type Entry =
  | { readonly names: readonly string[] }
  | { readonly mode: number; readonly open: () => OpenFile };

export interface Tree {
  /** By path below the mount point without a leading slash; the empty path is the mount point. */
  find(path: string): Entry | undefined;
}
