import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Inventory, InventoryNode } from '../inventory.ts';
import { knownHostsOf } from '../project-folder.ts';
import { SshRemote, type SshRemoteOptions } from '../remote/remote.ssh.ts';
import type { Remote } from '../remote/remote.ts';
import type { SshTarget } from '../remote/ssh-arguments.ts';

export interface ConnectOptions extends Pick<SshRemoteOptions, 'env' | 'sudoPassword'> {
  readonly home: string;
}

export interface Remotes {
  /** By name; nothing is connected yet. */
  readonly byName: ReadonlyMap<string, Remote>;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** Every node of the inventory over SSH. */
export async function openRemotes(
  inventory: Inventory,
  { home, ...options }: ConnectOptions,
): Promise<Remotes> {
  // Sockets have short paths (unix(7)), and the folder for temporary files of a Mac is a long one.
  const socketFolder = await mkdtemp('/tmp/bramble-');
  const removeFolder = () => rmSync(socketFolder, { recursive: true, force: true });
  process.once('exit', removeFolder); // a second Ctrl-C waits for nothing
  const open = (node: InventoryNode): [string, Remote] => [
    node.name,
    new SshRemote(sshTargetOf(inventory, node, home), { ...options, socketFolder }),
  ];
  const byName = new Map(inventory.nodes.map(open));
  return {
    byName,
    async close() {
      await Promise.all([...byName.values()].map((remote) => remote.close()));
      process.off('exit', removeFolder);
      removeFolder();
    },
  };
}

/** How `ssh` reaches a node: with the project's known hosts, and then the user's own. */
export function sshTargetOf(inventory: Inventory, { name, host }: InventoryNode, home: string): SshTarget {
  const { file, ssh, user } = inventory;
  const knownHosts = [knownHostsOf(file), join(home, '.ssh', 'known_hosts')];
  return { name, host, user: user.name, port: ssh.port, key: ssh.key, jump: ssh.jump, knownHosts };
}
