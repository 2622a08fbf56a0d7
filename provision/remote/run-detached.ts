import type { Remote, RemoteRunOptions } from './remote.ts';

export interface DetachedOptions extends Pick<RemoteRunOptions, 'onLine' | 'timeoutMs' | 'signal'> {
  /** One word: a second run of the same name finds the first and waits for it. */
  readonly name: string;
  /** A POSIX script; values are its arguments, never part of it. */
  readonly script: string;
  readonly args?: readonly string[];
}

/**
 * `$1` is the unit, `$2` the script, the rest its arguments. The unit's output is followed until it has ended. What it ended with
 * is in a file: several may wait for it, as one that has lost its connection goes on waiting for nobody.
 */
const wrapper = String.raw`
unit=$1 script=$2
shift 2
log=/run/$unit.log result=/run/$unit.result
running() { [ "$(systemctl show --property SubState --value "$unit")" = running ]; }
if ! running; then
  rm -f "$result"
  : >"$log"
  # Its own description would be the command, whose lines systemd takes for settings when it reads its units again.
  systemd-run --quiet --unit "$unit" --description "$unit" --collect \
    --property "StandardOutput=append:$log" --property "StandardError=append:$log" \
    sh -c 'result=$1; shift; sh -c "$@"; echo "$?" >"$result"' sh "$result" "$script" sh "$@" || exit
fi
tail --lines +1 --follow "$log" --sleep-interval 0.2 &
tail=$!
while running; do sleep 0.2; done
sleep 0.3
kill "$tail"
[ -e "$result" ] || { echo "$unit was ended before it was done" >&2; exit 1; }
exit "$(cat "$result")"
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
  await remote.run(['sh', '-s', `bramble-${name}`, ...[script, ...args].map(forUnit)], {
    ...options,
    as: 'root',
    stdin: wrapper,
  });
}

/** In a unit's command `${10}` and `$$` are systemd's (systemd.service(5), COMMAND LINES); two of them are a dollar sign. */
function forUnit(text: string): string {
  return text.replaceAll('$', '$$$$');
}
