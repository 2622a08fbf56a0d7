import { join } from 'node:path';
import { BrambleError } from '../../src/support/errors.ts';
import type { Inventory, InventoryNode } from '../inventory.ts';

export interface Placing {
  /** As the user named them; none stands for all. */
  readonly names: readonly string[];
  /** A folder, or for one node a file that ends in `.img`. */
  readonly to?: string | undefined;
  /** `/dev/sdb`, or `pi-01=/dev/sdb`. */
  readonly disks: readonly string[];
}

/** Which nodes are flashed, and where to. */
export type Places =
  | {
      readonly kind: 'apart';
      /** Each has its own target, and they are written side by side. */
      readonly places: readonly { readonly node: InventoryNode; readonly path: string }[];
    }
  | {
      readonly kind: 'in turn';
      readonly nodes: readonly InventoryNode[];
      /** Where one card is put after the other; `undefined` is to be asked for. */
      readonly path: string | undefined;
    };

/** Throws NOT_FOUND for a node that is not in the inventory, and INVALID for places that do not fit the nodes. */
export function placeNodes(
  inventory: Pick<Inventory, 'nodes' | 'file'>,
  { names, to, disks }: Placing,
): Places {
  if (to !== undefined && disks.length > 0)
    throw invalid('images go into files (--to) or onto disks (--disk), not both');
  const named = disks.map(readDisk);
  if (to !== undefined) return placeInFiles(chooseNodes(inventory, names), to);
  if (named.some(({ name }) => name !== undefined)) return placeOnDisks(inventory, names, named);
  if (named.length > 1)
    throw invalid(
      `say which node each disk is for: ${named.map((one) => `--disk NAME=${one.path}`).join(' ')}`,
    );
  return { kind: 'in turn', nodes: chooseNodes(inventory, names), path: named[0]?.path };
}

/** In the order of the inventory, each once. */
function chooseNodes(
  { nodes, file }: Pick<Inventory, 'nodes' | 'file'>,
  names: readonly string[],
): InventoryNode[] {
  const unknown = names.filter((name) => !nodes.some((node) => node.name === name));
  if (unknown.length > 0)
    throw new BrambleError(
      'NOT_FOUND',
      `${file} has no node ${unknown.join(', ')}; it has ${nodes.map(({ name }) => name).join(', ')}`,
    );
  return nodes.filter(({ name }) => names.length === 0 || names.includes(name));
}

function placeInFiles(nodes: readonly InventoryNode[], to: string): Places {
  const isFile = to.endsWith('.img');
  if (isFile && nodes.length > 1)
    throw invalid(
      `${to} is one file, for ${nodes.length} nodes; name one node, or a folder: --to ${to.slice(0, -4)}/`,
    );
  return {
    kind: 'apart',
    places: nodes.map((node) => ({ node, path: isFile ? to : join(to, `${node.name}.img`) })),
  };
}

interface NamedDisk {
  readonly name: string | undefined;
  readonly path: string;
}

function readDisk(text: string): NamedDisk {
  const [, name, path = text] = /^([^=/]*)=(.+)$/.exec(text) ?? [];
  return { name, path };
}

function placeOnDisks(
  inventory: Pick<Inventory, 'nodes' | 'file'>,
  names: readonly string[],
  disks: readonly NamedDisk[],
): Places {
  const listed = disks.map(({ name }) => name ?? '');
  const [anonymous] = disks.filter(({ name }) => name === undefined);
  if (anonymous !== undefined)
    throw invalid(`say which node ${anonymous.path} is for: --disk NAME=${anonymous.path}`);
  const twice = listed.find((name, i) => listed.indexOf(name) !== i);
  if (twice !== undefined) throw invalid(`${twice} has two disks; give it one`);
  const nodes = chooseNodes(inventory, names.length === 0 ? listed : names);
  const missing = nodes.find(({ name }) => !listed.includes(name));
  if (missing !== undefined) throw invalid(`${missing.name} has no disk; add --disk ${missing.name}=/dev/…`);
  const wanted = nodes.map(({ name }) => name);
  const extra = listed.find((name) => !wanted.includes(name));
  if (extra !== undefined)
    throw invalid(`--disk names ${extra}, which is not one of the nodes ${wanted.join(', ')}`);
  return {
    kind: 'apart',
    places: nodes.flatMap((node) =>
      disks.filter(({ name }) => name === node.name).map(({ path }) => ({ node, path })),
    ),
  };
}

function invalid(message: string): BrambleError {
  return new BrambleError('INVALID', message);
}
