import type { HardwareName } from '../../src/config/cluster.ts';
import type { Addressing } from '../addressing.ts';
import type { HostKey } from './host-keys.ts';

/** Everything that an image has to be told to become one node. Checked by `customise`, which refuses what it cannot write safely. */
export interface NodeSetup {
  readonly hostName: string;
  readonly user: User;
  /** `Europe/Berlin`. */
  readonly timeZone: string;
  /** `en_GB.UTF-8`. */
  readonly locale: string;
  /** An XKB layout: `gb`. */
  readonly keymap: string;
  /** Where the radio is used, ISO 3166: `DE`. With Wi-Fi it is needed; without, it may be `undefined`. */
  readonly wifiCountry: string | undefined;
  readonly wifi: Wifi | undefined;
  /** Of the Wi-Fi where there is one, otherwise of the Ethernet port. */
  readonly addressing: Addressing;
  readonly hardware: readonly HardwareName[];
  readonly hasWatchdog: boolean;
  readonly hostKey: HostKey;
  /** New for each flash: a card that was flashed again runs its first boot again, and tells which flash it booted from. */
  readonly flashId: string;
}

export interface User {
  readonly name: string;
  /** SHA-512 crypt, `$6$…`; `undefined` for a user who gets in by key only. */
  readonly passwordHash: string | undefined;
  /** Public keys in OpenSSH's one-line form; at least one. */
  readonly authorizedKeys: readonly string[];
}

export interface Wifi {
  readonly ssid: string;
  /** 64 hex digits, never the passphrase. */
  readonly psk: string;
  readonly isHidden: boolean;
}
