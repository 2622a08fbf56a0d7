import type { Inventory } from '../../../provision/inventory.ts';
import { resetNodes } from '../../../provision/life/reset.ts';
import { BrambleError } from '../../support/errors.ts';
import { type Reaching, realReaching } from '../cluster/reaching.ts';
import { chooseNodes } from '../cluster/read-cluster.ts';
import { type CliContext, print } from '../context.ts';
import { askOnce } from '../input.ts';
import { printable } from '../table.ts';
import { type LifeFlags, withLife } from './with-life.ts';

export interface ResetFlags extends LifeFlags {
  readonly yesIMean?: string;
  readonly purge?: boolean;
  readonly timeout: number;
}

/** `bramble reset`. */
export async function resetCluster(
  names: readonly string[],
  flags: ResetFlags,
  context: CliContext,
  parts: Reaching = realReaching,
): Promise<void> {
  const isAll = names.length === 0;
  const chosen = (inventory: Inventory) => chooseNodes(inventory, names).map(({ name }) => name);
  const { nodes, failures } = await withLife(
    {
      ...{ flags, context, parts },
      confirm: (inventory) =>
        confirm({ cluster: inventory.name, nodes: chosen(inventory), isAll }, flags, context),
    },
    async (life) => {
      const nodes = chosen(life.wanted);
      const failures = await resetNodes(life, {
        names: isAll ? undefined : nodes,
        purge: flags.purge ?? false,
        timeoutMs: flags.timeout * 1000,
      });
      return { nodes, failures };
    },
  );
  const reset = nodes.filter((name) => !failures.has(name));
  const failed = [...failures].map(([node, { code, message }]) => ({ node, error: { code, message } }));
  print(context, flags, { reset, failed }, () => {
    const lines = failed.map(({ node, error }) => `${node} failed: ${printable(error.message)}\n`);
    return `${reset.length === 0 ? 'no node' : reset.join(', ')}: reset\n${lines.join('')}`;
  });
  const [first] = failures.values();
  if (first !== undefined) context.setExit(first.exit);
}

interface Loss {
  readonly cluster: string;
  readonly nodes: readonly string[];
  readonly isAll: boolean;
}

async function confirm(
  { cluster, nodes, isAll }: Loss,
  flags: ResetFlags,
  context: CliContext,
): Promise<void> {
  const mayAsk = context.stdin.isTTY === true && !flags.json;
  if (flags.yesIMean === undefined && !mayAsk)
    throw new BrambleError(
      'INVALID',
      `there is nobody to ask; name the cluster with --yes-i-mean ${cluster}`,
    );
  const typed = flags.yesIMean ?? (await ask({ cluster, nodes, isAll }, flags, context));
  if (typed === cluster) return;
  throw new BrambleError(
    'INVALID',
    `${typed === '' ? 'nothing' : `"${typed}"`} is not the name of the cluster, ${cluster}; nothing was changed`,
  );
}

async function ask(
  { cluster, nodes, isAll }: Loss,
  { purge }: ResetFlags,
  context: CliContext,
): Promise<string> {
  const what = isAll
    ? 'ends the cluster with all its functions, events and passwords'
    : 'removes their events and settings';
  context.stderr.write(
    `This ${what}, on ${nodes.join(', ')}.${purge ? ' Docker goes as well, with everything in it.' : ''} There is no way back.\n`,
  );
  return askOnce(`To go on, type the name of the cluster (${cluster}): `, context);
}
