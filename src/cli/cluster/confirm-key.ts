import { pinHostKey } from '../../../provision/customise/known-hosts.ts';
import { sshHostsOf } from '../../../provision/flash/flash-batch.ts';
import type { Inventory, InventoryNode } from '../../../provision/inventory.ts';
import { knownHostsOf } from '../../../provision/project-folder.ts';
import { type HostKey, type ScannedKey, scanHostKey } from '../../../provision/remote/scan-host-key.ts';
import { sshTargetOf } from '../../../provision/up/connect.ts';
import { BrambleError } from '../../support/errors.ts';
import type { CliContext } from '../context.ts';
import { askYes } from '../input.ts';

/** Shows the key that a machine has, and pins it when the user says that it is the right one. Rejects HOST_KEY_UNKNOWN when not. */
export async function askConfirmation(
  inventory: Inventory,
  node: InventoryNode,
  context: CliContext,
): Promise<HostKey> {
  const key = await scanKey(inventory, node, context);
  context.stderr.write(renderKey(node, key));
  if (await askYes(`Is this the key of ${node.name}?`, context)) return pinKey(inventory, node, key);
  throw new BrambleError(
    'HOST_KEY_UNKNOWN',
    `${node.name}: its host key was not confirmed; nothing was sent`,
  );
}

/** Pins the key that a machine shows, if it is the expected one. Rejects HOST_KEY_CHANGED. */
export async function confirmFingerprint(
  inventory: Inventory,
  node: InventoryNode,
  expected: string,
  context: CliContext,
): Promise<HostKey> {
  const key = await scanKey(inventory, node, context);
  if (key.fingerprint === expected) return pinKey(inventory, node, key);
  throw new BrambleError(
    'HOST_KEY_CHANGED',
    `${node.name} (${node.host}) shows the key ${key.fingerprint}, and not ${expected}; it may be another machine. Nothing was pinned`,
  );
}

function scanKey(inventory: Inventory, node: InventoryNode, context: CliContext): Promise<ScannedKey> {
  return scanHostKey(sshTargetOf(inventory, node, context.home), context);
}

function pinKey(inventory: Inventory, node: InventoryNode, key: ScannedKey): HostKey {
  const hosts = [...sshHostsOf(inventory, node), key.host];
  pinHostKey(knownHostsOf(inventory.file), hosts, key.publicKey);
  return key;
}

function renderKey({ name, host }: InventoryNode, { publicKey, fingerprint }: HostKey): string {
  const [type = ''] = publicKey.split(' ');
  const kind = /ed25519|rsa|ecdsa/.exec(type)?.[0] ?? '*';
  return `${name} (${host}) shows the key
  ${fingerprint} (${type})
On its own screen this prints the same: ssh-keygen -lf /etc/ssh/ssh_host_${kind}_key.pub
`;
}
