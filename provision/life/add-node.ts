import type { HardwareName } from '../../src/config/cluster.ts';
import { parseConfig } from '../../src/config/file.ts';
import { BrambleError } from '../../src/support/errors.ts';
import { type Inventory, readInventory } from '../inventory.ts';
import { appendToList } from './edit-yaml.ts';

export interface NewNode {
  readonly name: string;
  readonly role?: 'manager' | 'worker' | undefined;
  readonly address?: string | undefined;
  readonly host?: string | undefined;
  readonly hardware?: readonly HardwareName[] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface FileText {
  readonly file: string;
  readonly text: string;
  readonly home: string;
}

/**
 * The text of a bramble.yaml with these nodes at its end, and what it says then. Comments and order stay. Throws CONFLICT for a
 * name that is there, CONFIG_INVALID with every problem that the file would have.
 */
export function addNodes(
  { file, text, home }: FileText,
  added: readonly NewNode[],
): { readonly text: string; readonly inventory: Inventory } {
  const before = readInventory(parseConfig(file, text), home);
  for (const { name } of added)
    if (before.nodes.some((node) => node.name === name))
      throw new BrambleError('CONFLICT', `${file} has a node ${name} already`);
  const changed = appendToList(text, ['cluster', 'nodes'], added.map(entryOf));
  return { text: changed, inventory: readInventory(parseConfig(file, changed), home) };
}

/** Without what has its default. */
function entryOf({ name, role, address, host, hardware = [], labels = {} }: NewNode): object {
  return {
    name,
    ...(role === 'manager' && { role }),
    ...(address !== undefined && { address }),
    ...(host !== undefined && { host }),
    ...(hardware.length > 0 && { hardware }),
    ...(Object.keys(labels).length > 0 && { labels }),
  };
}
