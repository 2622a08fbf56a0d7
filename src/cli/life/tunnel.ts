import type { Life } from '../../../provision/life/life.ts';
import { firstManager } from '../../../provision/phases/roles.ts';
import { gatewayPort } from '../../../provision/phases/stack.ts';
import { type Remote, remoteOf } from '../../../provision/remote/remote.ts';
import type { HostKey } from '../../../provision/remote/scan-host-key.ts';
import {
  prepareTunnel,
  readTunnel,
  removeTunnel,
  scanFromNode,
  startTunnel,
  type TunnelState,
  untilConnected,
} from '../../../provision/tunnel/tunnel.ts';
import { renderAuthorizedKey, type TunnelHost } from '../../../provision/tunnel/unit.ts';
import { BrambleError } from '../../support/errors.ts';
import { type Reaching, realReaching } from '../cluster/reaching.ts';
import { findNode } from '../cluster/read-cluster.ts';
import { type CliContext, print } from '../context.ts';
import { askYes } from '../input.ts';
import { type LifeFlags, withLife } from './with-life.ts';

export interface TunnelFlags extends LifeFlags {
  readonly node?: string;
}

export interface InstallFlags extends TunnelFlags {
  readonly port: number;
  readonly remotePort: number;
  readonly fingerprint?: string;
}

/** For a host that has the key already. */
const connectMs = 15_000;

/** `bramble tunnel install`. */
export async function installTunnel(
  host: TunnelHost,
  flags: InstallFlags,
  context: CliContext,
  parts: Reaching = realReaching,
): Promise<void> {
  const { remotePort } = flags;
  const { node, authorizedKey, ...state } = await onNode(flags, context, parts, async (remote, life) => {
    const publicKey = await prepareTunnel(remote, life);
    const hostKey = await scanFromNode(remote, host, life);
    await confirm(hostKey, host, flags, context);
    await startTunnel(remote, { host, remotePort, gatewayPort, hostKey: hostKey.publicKey }, life);
    const state = await untilConnected(remote, { ...life, timeoutMs: connectMs });
    return { node: remote.name, authorizedKey: renderAuthorizedKey(publicKey, remotePort), ...state };
  });
  const { state: is, lastWords } = state;
  const result = { node, state: is, remotePort, authorizedKey, lastWords };
  const there = `${host.user}@${host.host}`;
  print(context, flags, result, () =>
    is === 'connected'
      ? `The tunnel is there. On ${host.host}, http://127.0.0.1:${remotePort} is the gateway.\n`
      : `${node} keeps trying to reach ${there}${lastWords === '' ? '' : ` (${lastWords})`}.
Add this line to ~/.ssh/authorized_keys of ${there}; it allows nothing but this tunnel:

${authorizedKey}

bramble tunnel status tells when it is there. http://127.0.0.1:${remotePort} on ${host.host} is then the gateway.
`,
  );
}

/** `bramble tunnel status`. */
export async function showTunnel(
  flags: TunnelFlags,
  context: CliContext,
  parts: Reaching = realReaching,
): Promise<void> {
  const shown = await onNode(flags, context, parts, async (remote, life) => ({
    node: remote.name,
    ...(await readTunnel(remote, life)),
  }));
  print(context, flags, shown, () => renderState(shown));
}

function renderState({
  node,
  state,
  description,
  lastWords,
}: TunnelState & { readonly node: string }): string {
  if (state === 'not installed') return `${node} has no tunnel; bramble tunnel install makes one\n`;
  return `${node}: ${state}: ${description}${lastWords === '' ? '' : ` (${lastWords})`}\n`;
}

/** `bramble tunnel remove`. */
export async function endTunnel(
  flags: TunnelFlags,
  context: CliContext,
  parts: Reaching = realReaching,
): Promise<void> {
  const { node, outcome } = await onNode(flags, context, parts, async (remote, life) => ({
    node: remote.name,
    outcome: (await removeTunnel(remote, life)) ? 'removed' : 'not there',
  }));
  const advice = outcome === 'removed' ? "; its line in the host's authorized_keys can go as well" : '';
  print(context, flags, { node, outcome }, () => `${node}: the tunnel is ${outcome}${advice}\n`);
}

function onNode<Result>(
  flags: TunnelFlags,
  context: CliContext,
  parts: Reaching,
  work: (remote: Remote, life: Life) => Promise<Result>,
): Promise<Result> {
  return withLife({ flags, context, parts }, async (life) => {
    const { name } = flags.node === undefined ? firstManager(life.wanted) : findNode(life.wanted, flags.node);
    return work(remoteOf(life.remotes, name), life);
  });
}

/** The way there leads through the world: nobody else shall be what it leads to. */
async function confirm(
  { fingerprint }: HostKey,
  { host }: TunnelHost,
  { fingerprint: expected, json }: InstallFlags,
  context: CliContext,
): Promise<void> {
  if (expected === fingerprint) return;
  if (expected !== undefined)
    throw new BrambleError(
      'HOST_KEY_CHANGED',
      `${host} shows the key ${fingerprint}, and not ${expected}; nothing was installed`,
    );
  if (context.stdin.isTTY !== true || json)
    throw new BrambleError(
      'HOST_KEY_UNKNOWN',
      `${host} shows the key ${fingerprint}; if that is right, give it with --fingerprint`,
    );
  context.stderr.write(
    `${host} shows the key\n  ${fingerprint}\nOn it, ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub prints the same.\n`,
  );
  if (await askYes(`Is this the key of ${host}?`, context)) return;
  throw new BrambleError('HOST_KEY_UNKNOWN', `the key of ${host} was not confirmed; nothing was installed`);
}
