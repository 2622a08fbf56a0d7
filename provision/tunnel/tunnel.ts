import type { Clock } from '../../src/support/clock.ts';
import { BrambleError } from '../../src/support/errors.ts';
import { poll } from '../poll.ts';
import type { Remote } from '../remote/remote.ts';
import { type HostKey, parseKnownHosts } from '../remote/scan-host-key.ts';
import { tunnelPlaces } from './places.ts';
import { renderTunnelUnit, type TunnelHost, type TunnelOptions } from './unit.ts';

type Signalled = { readonly signal: AbortSignal };

/** `$1` is the folder, `$2` the user. Prints the public key; the private one stays where it was made. */
const prepareScript = `
set -eu
command -v ssh >/dev/null || { echo "OpenSSH's client is missing: apt install openssh-client" >&2; exit 1; }
id "$2" >/dev/null 2>&1 || useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$2"
mkdir -p "$1"
chmod 755 "$1"
if [ ! -e "$1/key.pub" ]; then
  rm -f "$1/key"
  ssh-keygen -q -t ed25519 -N '' -C "$2@$(hostname)" -f "$1/key"
fi
chown "$2:" "$1/key"
chmod 600 "$1/key"
cat "$1/key.pub"
`;

/** Makes the key of the tunnel, once. Resolves to its public half. */
export async function prepareTunnel(remote: Remote, { signal }: Signalled): Promise<string> {
  const { folder, user } = tunnelPlaces;
  const { stdout } = await remote.run(['sh', '-s', folder, user], {
    as: 'root',
    stdin: prepareScript,
    signal,
  });
  return stdout.trim();
}

/** The host key that the node is shown. Rejects UNREACHABLE. */
export async function scanFromNode(
  remote: Remote,
  { host, port }: TunnelHost,
  { signal }: Signalled,
): Promise<HostKey> {
  const scan = ['ssh-keyscan', '-T', '10', '-t', 'ed25519,ecdsa,rsa', '-p', String(port), host];
  const { stdout, stderr } = await remote.run(scan, { accept: [1], signal });
  const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const key = parseKnownHosts(lines.find((line) => line.includes(' ssh-ed25519 ')) ?? lines[0] ?? '');
  if (key !== undefined) return key;
  throw new BrambleError(
    'UNREACHABLE',
    `${remote.name} does not reach an SSH server at ${host}:${port}; is the name right, and the port open? (${stderr.trim().split('\n').at(-1)})`,
  );
}

/** `$1` is the folder, `$2` the unit's file, `$3` the known host, `$4` the unit. */
const startScript = `
set -eu
umask 022
printf '%s\\n' "$3" >"$1/known_hosts"
printf '%s' "$4" >"$2"
unit=$(basename "$2")
systemctl daemon-reload
systemctl enable --quiet "$unit"
systemctl restart --no-block "$unit"
`;

/** From now on the tunnel is opened whenever the node runs. */
export async function startTunnel(
  remote: Remote,
  options: TunnelOptions & { readonly hostKey: string },
  { signal }: Signalled,
): Promise<void> {
  const { host, hostKey } = options;
  const known = `${host.port === 22 ? host.host : `[${host.host}]:${host.port}`} ${hostKey}`;
  const args = [tunnelPlaces.folder, tunnelPlaces.unit, known, renderTunnelUnit(options)];
  await remote.run(['sh', '-s', ...args], { as: 'root', stdin: startScript, signal });
}

export interface TunnelState {
  readonly state: 'not installed' | 'stopped' | 'connecting' | 'connected';
  /** As its unit is called: whom it leads through. */
  readonly description: string;
  /** Of the times before, what came last; empty while all is well. */
  readonly lastWords: string;
  /** It was tried and did not work; it will be tried again. */
  readonly hasFailed: boolean;
}

/** `$1` is the unit's file. */
const stateScript = `
[ -e "$1" ] || exit 0
unit=$(basename "$1")
systemctl show --property Description,ActiveState,SubState "$unit"
printf 'LastWords=%s\\n' "$(journalctl --quiet --no-pager --lines 20 --output cat --identifier ssh --unit "$unit" | tail --lines 1)"
`;

export async function readTunnel(remote: Remote, { signal }: Signalled): Promise<TunnelState> {
  const { stdout } = await remote.run(['sh', '-s', tunnelPlaces.unit], {
    as: 'root',
    stdin: stateScript,
    signal,
  });
  return parseTunnelState(stdout);
}

export function parseTunnelState(text: string): TunnelState {
  if (text.trim() === '') return { state: 'not installed', description: '', lastWords: '', hasFailed: false };
  const said = new Map(
    text.split('\n').map((line) => [line.replace(/=.*$/, ''), line.replace(/^[^=]*=/, '')]),
  );
  const active = said.get('ActiveState') ?? '';
  const state = active === 'active' ? 'connected' : active === 'inactive' ? 'stopped' : 'connecting';
  const lastWords = state === 'connected' ? '' : (said.get('LastWords') ?? '');
  const hasFailed = said.get('SubState') === 'auto-restart';
  return { state, description: said.get('Description') ?? '', lastWords, hasFailed };
}

/** Resolves when the host has let us in or refused us, or after `timeoutMs`, to how it stands then. */
export async function untilConnected(
  remote: Remote,
  { clock, timeoutMs, signal }: Signalled & { readonly clock: Clock; readonly timeoutMs: number },
): Promise<TunnelState> {
  const isEnough = ({ state, hasFailed }: TunnelState) => state === 'connected' || hasFailed;
  return poll(() => readTunnel(remote, { signal }), { clock, timeoutMs, signal, isEnough });
}

/** `$1` is the folder, `$2` the unit's file, `$3` the user. */
const removeScript = `
set -eu
[ -e "$2" ] || [ -e "$1" ] || exit 3
if [ -e "$2" ]; then
  systemctl disable --quiet --now "$(basename "$2")"
  rm "$2"
  systemctl daemon-reload
fi
rm -rf "$1"
if id "$3" >/dev/null 2>&1; then userdel "$3"; fi
`;

/** False where there was none. */
export async function removeTunnel(remote: Remote, { signal }: Signalled): Promise<boolean> {
  const { folder, unit, user } = tunnelPlaces;
  const { status } = await remote.run(['sh', '-s', folder, unit, user], {
    ...{ as: 'root', stdin: removeScript, accept: [3], signal },
  });
  return status === 0;
}
