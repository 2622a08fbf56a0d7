/** The files of the boot partition, which the firmware reads: FAT, on the first partition of a card. Paths as `overlays/README`. */
export interface BootPartition {
  /** `undefined` when there is no such file. */
  read(path: string): Uint8Array | undefined;
  /** Creates or replaces it, with folders on its way. Throws DISK_FULL when it does not fit; what was there is then still there. */
  write(path: string, content: Uint8Array): void;
  /** Every file, folders left out. */
  list(): readonly string[];
  /** Puts the file system in order on the disk; it cannot be used after that. Does not sync or close the disk. */
  unmount(): void;
}
