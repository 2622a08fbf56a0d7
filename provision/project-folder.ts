import { dirname, join } from 'node:path';

/** What the project knows of its nodes beyond bramble.yaml is in a folder beside that. */
export function projectFolder(inventoryFile: string): string {
  return join(dirname(inventoryFile), '.bramble');
}

/** The SSH host keys of the nodes, for `ssh` and whoever has the project. */
export function knownHostsOf(inventoryFile: string): string {
  return join(projectFolder(inventoryFile), 'known_hosts');
}
