import type { BootPartition } from '../boot/boot-partition.ts';
import { detectFirstBoot } from '../boot/detect-first-boot.ts';
import type { BootFile } from '../customise/boot-files.ts';
import { customise } from '../customise/customise.ts';
import type { HostKey } from '../customise/host-keys.ts';
import type { NodeSetup } from '../customise/node-setup.ts';
import { hashPassword } from '../customise/passwords.ts';
import { derivePsk } from '../customise/wifi-psk.ts';
import type { Inventory, InventoryNode } from '../inventory.ts';
import type { Secrets } from '../secrets.ts';

/** The secrets in the form in which they may be on a card. */
export interface Credentials {
  readonly psk: string | undefined;
  readonly passwordHash: string | undefined;
}

/** Takes about a second, for the password's sake. */
export function deriveCredentials(
  { wifi }: Pick<Inventory, 'wifi'>,
  { wifiPassword, userPassword }: Secrets,
): Credentials {
  return {
    psk: wifi && wifiPassword !== undefined ? derivePsk(wifi.ssid, wifiPassword) : undefined,
    passwordHash: userPassword === undefined ? undefined : hashPassword(userPassword),
  };
}

/** Of the right form and length, and known to everybody: for plans. */
export const exampleCredentials: Required<Credentials> = {
  psk: 'f'.repeat(64),
  passwordHash: `$6$rounds=100000$${'.'.repeat(16)}$${'.'.repeat(86)}`,
};

export interface Identity {
  readonly hostKey: HostKey;
  readonly flashId: string;
}

/** What the inventory says of one node. */
export function setUpNode(
  inventory: Inventory,
  node: InventoryNode,
  { psk, passwordHash, hostKey, flashId }: Credentials & Identity,
): NodeSetup {
  const { user, timeZone, locale, keymap, hasWatchdog } = inventory;
  const wifi = node.isWireless ? inventory.wifi : undefined;
  return {
    hostName: node.name,
    user: {
      name: user.name,
      passwordHash: user.hasPassword ? passwordHash : undefined,
      authorizedKeys: user.authorizedKeys,
    },
    ...{ timeZone, locale, keymap, hasWatchdog, hostKey, flashId },
    wifiCountry: wifi?.country,
    wifi: wifi && psk !== undefined ? { ssid: wifi.ssid, psk, isHidden: wifi.isHidden } : undefined,
    addressing: node.addressing,
    hardware: node.hardware,
  };
}

/** The files that make what is on a boot partition the node. Throws UNSUPPORTED for an image that it does not know. */
export function customiseBoot(boot: Pick<BootPartition, 'read' | 'list'>, setup: NodeSetup): BootFile[] {
  const textOf = (path: string): string => Buffer.from(boot.read(path) ?? []).toString();
  const present = { cmdline: textOf('cmdline.txt'), config: textOf('config.txt') };
  return customise(detectFirstBoot(boot), setup, present);
}
