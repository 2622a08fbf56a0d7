import { type Inventory, type InventoryNode, loadInventory } from '../../../provision/inventory.ts';
import { readSudoPassword } from '../../../provision/secrets.ts';
import { BrambleError } from '../../support/errors.ts';
import type { CliContext, JsonOption } from '../context.ts';
import { askHidden } from '../input.ts';

export interface ClusterFlags {
  readonly config: string;
}

export function readCluster({ config }: ClusterFlags, { home }: Pick<CliContext, 'home'>): Inventory {
  return loadInventory({ file: config, home });
}

/** Throws NOT_FOUND for a name that is not in the file; all nodes where none is named. */
export function chooseNodes(inventory: Inventory, names: readonly string[]): readonly InventoryNode[] {
  const { file, nodes } = inventory;
  for (const name of names) findNode(inventory, name);
  if (nodes.length === 0) throw new BrambleError('INVALID', `${file} has no nodes`);
  return names.length === 0 ? nodes : nodes.filter(({ name }) => names.includes(name));
}

export function findNode({ file, nodes }: Inventory, wanted: string): InventoryNode {
  const node = nodes.find(({ name }) => name === wanted);
  if (node !== undefined) return node;
  throw new BrambleError(
    'NOT_FOUND',
    `${wanted} is no node of ${file}; it has ${nodes.map(({ name }) => name).join(', ')}`,
  );
}

export interface SudoAsking extends JsonOption, Pick<CliContext, 'env' | 'stdin' | 'stderr' | 'signal'> {
  /** Leaves the screen to the question. */
  readonly hold?: <Answer>(ask: () => Promise<Answer>) => Promise<Answer>;
}

/** Finds or asks for sudo's password when the first node wants it; it counts for all of them. */
export function sudoPasswordFor(inventory: Inventory, asking: SudoAsking): () => Promise<string> {
  const { env, stdin, json, hold = (ask) => ask() } = asking;
  const mayAsk = stdin.isTTY === true && !json;
  const ask = (question: string) => hold(() => askHidden(question, asking));
  let found: Promise<string> | undefined;
  return () => {
    found ??= readSudoPassword(inventory, { env, ask: mayAsk ? ask : undefined });
    return found;
  };
}
