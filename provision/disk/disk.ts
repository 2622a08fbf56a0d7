/**
 * What an image is written on: a card, a file that stands for one, or memory. One writer at a time; offsets and lengths in
 * bytes, any of them (an adapter whose medium wants whole blocks sees to that itself).
 */
export interface Disk {
  /** What people know it by: `/dev/sdb`, `out/pi-01.img`. */
  readonly name: string;
  /** `undefined` for one that grows as it is written, as a file does. */
  readonly sizeBytes: number | undefined;
  /** Rejects NOT_FOUND, DISK_FULL, DISK_FAILED, … translated, with the disk's name and the offset. */
  write(data: Uint8Array, offset: number): Promise<void>;
  /** Fills `into`; rejects when the disk ends before. */
  read(into: Uint8Array, offset: number): Promise<void>;
  /** The same for a file system's driver that cannot wait; only for little. */
  writeNow(data: Uint8Array, offset: number): void;
  readNow(into: Uint8Array, offset: number): void;
  /** Resolves when everything is on the medium, and no later read is answered from a cache. */
  sync(): Promise<void>;
  /** Idempotent. Does not sync. */
  close(): Promise<void>;
}
