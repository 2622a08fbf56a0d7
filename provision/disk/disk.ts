/**
 * What an image is written on: a card, a file that stands for one, or memory. One call at a time; offsets and lengths in
 * bytes, any of them (an adapter whose medium wants whole blocks sees to that itself).
 */
export interface Disk {
  /** What people know it by: `/dev/sdb`, `out/pi-01.img`. */
  readonly name: string;
  /** `undefined` for one that grows as it is written, as a file does. */
  readonly sizeBytes: number | undefined;
  /** Rejects DISK_FULL (nothing is written past the end), DISK_FAILED, DISK_REFUSED, with the disk's name and the offset. */
  write(data: Uint8Array, offset: number): Promise<void>;
  /** Fills `into`; rejects DISK_FAILED when the disk ends before, or cannot be read. */
  read(into: Uint8Array, offset: number): Promise<void>;
  /** The same for a file system's driver that cannot wait; only for little. */
  writeNow(data: Uint8Array, offset: number): void;
  readNow(into: Uint8Array, offset: number): void;
  /**
   * Resolves when everything is on the medium. What is read of a card comes from the card, never from the machine's cache (but
   * for its first block before `commit`); a plain file is as safe as its file system, whose cache may answer.
   */
  sync(): Promise<void>;
  /**
   * Makes what was written count: until then nobody can take it for an image that works. A file is written beside its place
   * and gets its name here, so that an older one stands until then; a card has no partition table until then: its first block
   * is held back, written last, and compared with what the card gives back (DISK_FAILED). Syncs. Nothing is written after it.
   */
  commit(): Promise<void>;
  /** Idempotent. What was not committed is lost: a file is removed, a card is left without a partition table. */
  close(): Promise<void>;
}
