import { quote } from '../../src/support/shell.ts';
import type { NodeSetup } from './node-setup.ts';

/** Where a node says which flash it booted from, and which steps of its first boot failed. */
export const flashIdFile = '/etc/bramble/flash-id';
export const failuresFile = '/etc/bramble/first-boot-failures';

/** Later than all other files of its folder, so that it counts. The Pi's watchdog can wait for at most 15.999 s by itself. */
export const watchdogFile = '/etc/systemd/system.conf.d/90-bramble-watchdog.conf';
export const watchdogConfig = '[Manager]\nRuntimeWatchdogSec=15\nRebootWatchdogSec=2min\n';

/** Earlier than all other files of its folder: sshd takes the first value. Of several host keys it would offer others too. */
export const sshdFile = '/etc/ssh/sshd_config.d/10-bramble.conf';
export const sshdConfig = `PasswordAuthentication no
KbdInteractiveAuthentication no
HostKey /etc/ssh/ssh_host_ed25519_key
`;

export interface FirstBootScript {
  readonly node: Pick<NodeSetup, 'hostName' | 'hostKey' | 'flashId'>;
  /** Values for the steps, as variables of the shell. */
  readonly variables: Readonly<Record<string, string>>;
  /** Definitions of shell functions. */
  readonly functions: string;
  /** Functions, run in this order, each although one before it failed: half a node that can be reached is better than none. */
  readonly steps: readonly string[];
  /** A function that removes what must not stay; run at the very end, and always. */
  readonly tidyUp: string;
}

/**
 * A POSIX shell script that root runs once. It does the same when it is run again after a loss of power. All of it is read
 * before any of it runs, because it removes itself.
 */
export function renderFirstBootScript({
  node,
  variables,
  functions,
  steps,
  tidyUp,
}: FirstBootScript): string {
  const all = {
    host_name: node.hostName,
    flash_id: node.flashId,
    host_key: node.hostKey.privateKey,
    host_key_public: `${node.hostKey.publicKey}\n`,
    sshd_config: sshdConfig,
    ...variables,
  };
  const assignments = Object.entries(all).map(([name, value]) => `${name}=${quote(value)}\n`);
  return `#!/bin/sh
# Makes this system the node ${node.hostName}. Written by bramble flash; it runs once and removes itself.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022
${assignments.join('')}${sharedFunctions}${functions}
main() {
  failed=''
  for step in ${steps.join(' ')}; do
    # Not as a condition: within one, set -e would have no effect
    (set -e; "$step")
    status=$?
    if [ "$status" -ne 0 ]; then failed="$failed$step
"; fi
  done
  write_file ${failuresFile} 644 "$failed"
  write_file ${flashIdFile} 644 "$flash_id
"
  sync
  ${tidyUp}
  sync
}

main; exit 0
`;
}

const sharedFunctions = `
# path, mode, content; nobody can read it in between
write_file() {
  mkdir -p "$(dirname "$1")"
  rm -f "$1"
  (umask 077; printf '%s' "$3" >"$1")
  chmod "$2" "$1"
}

# Overwritten first: removing alone leaves the content on the card
destroy() {
  for file in "$@"; do
    if [ -f "$file" ]; then shred -u -z -n 1 "$file" 2>/dev/null || rm -f "$file"; fi
  done
}

pin_host_key() {
  systemctl disable regenerate_ssh_host_keys.service 2>/dev/null || true # it would make others at the next start
  rm -f /etc/ssh/ssh_host_*
  write_file /etc/ssh/ssh_host_ed25519_key 600 "$host_key"
  write_file /etc/ssh/ssh_host_ed25519_key.pub 644 "$host_key_public"
  write_file ${sshdFile} 644 "$sshd_config"
}
`;
