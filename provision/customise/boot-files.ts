/** A file that makes an image a node of ours, in the boot partition. */
export interface BootFile {
  readonly path: string;
  readonly content: string;
  /** Holds a hash or a private key: plans and logs show its name and length only. */
  readonly isSecret: boolean;
  /** For plans: `host name, user, key and Wi-Fi, read by cloud-init`. */
  readonly purpose: string;
}

/** How an image wants to be told at its first boot: by its release of Raspberry Pi OS. */
export type FirstBoot = 'bookworm' | 'trixie';

/** What an image's boot partition has already, and we add to. */
export interface PresentFiles {
  /** `cmdline.txt`. */
  readonly cmdline: string;
  /** `config.txt`. */
  readonly config: string;
}
