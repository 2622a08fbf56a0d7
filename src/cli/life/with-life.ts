import type { Inventory, InventoryNode } from '../../../provision/inventory.ts';
import type { Life } from '../../../provision/life/life.ts';
import { lockProject } from '../../../provision/up/project-lock.ts';
import type { Reaching } from '../cluster/reaching.ts';
import { type ClusterFlags, readCluster, sudoPasswordFor } from '../cluster/read-cluster.ts';
import type { CliContext, JsonOption } from '../context.ts';
import { printable } from '../table.ts';

export interface LifeFlags extends ClusterFlags, JsonOption {}

/** Nodes that are reached although the file has them no more. */
export type FindStrays = (inventory: Inventory) => readonly InventoryNode[];

export interface LifeOptions {
  readonly flags: LifeFlags;
  readonly context: CliContext;
  readonly parts: Reaching;
  readonly strays?: FindStrays;
  /** Called before any node is reached; what it rejects with ends all. */
  readonly confirm?: (inventory: Inventory) => Promise<void>;
}

/** Does something with the nodes of bramble.yaml over SSH, and nobody else does from this project meanwhile. */
export async function withLife<Result>(
  { flags, context, parts, strays = () => [], confirm }: LifeOptions,
  work: (life: Life) => Promise<Result>,
): Promise<Result> {
  const { file } = readCluster(flags, context);
  const unlock = await lockProject(file);
  try {
    const wanted = readCluster(flags, context); // nobody else changes it from now on
    await confirm?.(wanted);
    context.holdExit();
    const all = { ...wanted, nodes: [...wanted.nodes, ...strays(wanted)] };
    const sudoPassword = sudoPasswordFor(wanted, { ...context, json: flags.json ?? false });
    const remotes = await parts.openRemotes(all, { home: context.home, env: context.env, sudoPassword });
    try {
      const say = (sentence: string) => {
        if (!flags.json) context.stderr.write(`${printable(sentence)}\n`);
      };
      const { clock } = parts;
      return await work({ wanted, remotes: remotes.byName, clock, say, signal: context.signal });
    } finally {
      await remotes.close();
    }
  } finally {
    await unlock();
  }
}

/** A node by its name alone. */
export function strayNode(name: string, host = `${name}.local`): InventoryNode {
  return {
    ...{ name, host, role: 'worker', addressing: { kind: 'dhcp' } },
    ...{ isWireless: false, hardware: [], labels: {} },
  };
}
