import type { Remote, RemoteRunOptions } from './remote.ts';

export interface DetachedOptions extends Pick<RemoteRunOptions, 'onLine' | 'timeoutMs' | 'signal'> {
  /** One word: a second run of the same name finds the first and waits for it. */
  readonly name: string;
  /** A POSIX script; values are its arguments, never part of it. */
  readonly script: string;
  readonly args?: readonly string[];
}

/** `$1` is the unit, `$2` the script, the rest its arguments. The unit's output is followed until it has ended. */
const wrapper = String.raw`
unit=$1 script=$2
shift 2
log=/run/$unit.log
running() { [ "$(systemctl show --property SubState --value "$unit")" = running ]; }
if ! running; then
  systemctl stop "$unit" 2>/dev/null
  systemctl reset-failed "$unit" 2>/dev/null
  : >"$log"
  systemd-run --quiet --unit "$unit" --remain-after-exit \
    --property "StandardOutput=append:$log" --property "StandardError=append:$log" sh -c "$script" sh "$@" || exit
fi
tail --lines +1 --follow "$log" --sleep-interval 0.2 &
tail=$!
while running; do sleep 0.2; done
sleep 0.3
kill "$tail"
status=$(systemctl show --property ExecMainStatus --value "$unit")
systemctl stop "$unit" 2>/dev/null
systemctl reset-failed "$unit" 2>/dev/null
exit "$status"
`;

/**
 * Runs a script as root that goes on when the connection is lost, as what changes packages must: as a unit of systemd. Rejects
 * REMOTE_FAILED with its last lines when it fails, and UNREACHABLE when the connection was lost; then the same call again
 * waits for the same run.
 */
export async function runDetached(
  remote: Remote,
  { name, script, args = [], ...options }: DetachedOptions,
): Promise<void> {
  await remote.run(['sh', '-s', `bramble-${name}`, script, ...args], {
    ...options,
    as: 'root',
    stdin: wrapper,
  });
}
