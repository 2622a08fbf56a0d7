import { relative } from 'node:path';
import { knownHostsOf } from '../../../provision/project-folder.ts';
import { BrambleError } from '../../support/errors.ts';
import { type CliContext, type JsonOption, print } from '../context.ts';
import { askConfirmation, confirmFingerprint } from './confirm-key.ts';
import { chooseNodes, findNode, readCluster } from './read-cluster.ts';

export interface TrustOptions extends JsonOption {
  readonly config: string;
  /** By node. */
  readonly fingerprint: Readonly<Record<string, string>>;
}

/** `bramble trust`. Of nodes whose fingerprint is given nothing is asked. */
export async function trustNodes(
  names: readonly string[],
  flags: TrustOptions,
  context: CliContext,
): Promise<void> {
  const inventory = readCluster(flags, context);
  const expected = Object.keys(flags.fingerprint);
  for (const name of expected) findNode(inventory, name);
  const nodes = chooseNodes(inventory, [...names, ...expected]);
  const unasked = nodes.filter(({ name }) => !expected.includes(name));
  const mayAsk = context.stdin.isTTY === true && !flags.json;
  if (unasked[0] !== undefined && !mayAsk)
    throw new BrambleError(
      'INVALID',
      `there is nobody to ask; give the key with --fingerprint ${unasked[0].name}=SHA256:…`,
    );
  const trusted: { node: string; host: string; fingerprint: string }[] = [];
  for (const node of nodes) {
    const wanted = flags.fingerprint[node.name];
    const { fingerprint } =
      wanted === undefined
        ? await askConfirmation(inventory, node, context)
        : await confirmFingerprint(inventory, node, wanted, context);
    trusted.push({ node: node.name, host: node.host, fingerprint });
  }
  const file = knownHostsOf(inventory.file);
  const list = trusted.map(({ node }) => node).join(', ');
  print(context, flags, trusted, () => `${list}: known from now on, in ${relative('.', file) || file}\n`);
}
