import type { BootFile, PresentFiles } from './boot-files.ts';
import { renderYaml } from './cloud-yaml.ts';
import { kernelParameters, withParameters } from './cmdline.ts';
import { configTxt } from './config-txt.ts';
import {
  renderFirstBootScript,
  sshdConfig,
  sshdFile,
  watchdogConfig,
  watchdogFile,
} from './first-boot-script.ts';
import { renderNetworkConfig, renderUsedNetworkConfig } from './network-config.ts';
import type { NodeSetup } from './node-setup.ts';

const scriptFile = '/etc/bramble/first-boot.sh';

/** Raspberry Pi OS Trixie: cloud-init reads the boot partition, and takes a new instance for a first boot. */
export function customiseTrixie(node: NodeSetup, { cmdline, config }: PresentFiles): BootFile[] {
  return [
    {
      path: 'user-data',
      content: renderUserData(node),
      isSecret: true,
      purpose: 'host name, user and keys, SSH, locale; read by cloud-init',
    },
    {
      path: 'meta-data',
      content: renderYaml({ 'instance-id': node.flashId, 'local-hostname': node.hostName }),
      isSecret: false,
      purpose: 'the id of this flash, read by cloud-init',
    },
    {
      path: 'network-config',
      content: renderNetworkConfig(node),
      isSecret: node.wifi !== undefined,
      purpose: 'network, read by cloud-init',
    },
    {
      path: 'cmdline.txt',
      content: withParameters(cmdline, [
        ...kernelParameters(node.wifiCountry),
        `ds=nocloud;i=${node.flashId}`,
      ]),
      isSecret: false,
      purpose: 'memory control groups, and the id of this flash',
    },
    configTxt(node, config),
  ];
}

function renderUserData(node: NodeSetup): string {
  const { user, hostKey } = node;
  return renderCloudConfig({
    ...nameOf(node),
    timezone: node.timeZone,
    locale: node.locale,
    keyboard: { layout: node.keymap, model: 'pc105' },
    // Not `users`: this one keeps the groups of the image's own user, and with them its pins and sensors.
    user: {
      name: user.name,
      lock_passwd: user.passwordHash === undefined,
      // Also where the user exists already, unlike `passwd`.
      ...(user.passwordHash === undefined ? {} : { hashed_passwd: user.passwordHash }),
      sudo: 'ALL=(ALL) NOPASSWD:ALL',
      ssh_authorized_keys: user.authorizedKeys,
    },
    ssh_pwauth: false,
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: hostKey.privateKey, ed25519_public: hostKey.publicKey },
    write_files: [
      { path: sshdFile, content: sshdConfig, permissions: '0644' },
      ...(node.hasWatchdog ? [{ path: watchdogFile, content: watchdogConfig, permissions: '0644' }] : []),
      { path: scriptFile, content: renderScript(node), permissions: '0700' },
    ],
    runcmd: [
      ['sh', scriptFile],
      // The image has it off, and cloud-init does not turn it on. Restarted, because it may run with another key.
      ['systemctl', 'enable', 'ssh.service'],
      ['systemctl', 'restart', 'ssh.service'],
      ...(node.wifiCountry === undefined ? [] : [['rfkill', 'unblock', 'wifi']]),
    ],
  });
}

/** cloud-init sets these at every boot. The address is changed in place, so that what else is in /etc/hosts stays. */
function nameOf({ hostName }: NodeSetup): object {
  return { hostname: hostName, fqdn: `${hostName}.local`, manage_etc_hosts: 'localhost' };
}

/**
 * What stays of the user-data after the first boot. The boot partition is readable to every user of the node. It cannot be
 * removed: without it cloud-init would take the node for a new one.
 */
function renderUsedUserData(node: NodeSetup): string {
  return renderCloudConfig({ ...nameOf(node), ssh_deletekeys: false });
}

function renderCloudConfig(config: object): string {
  return `#cloud-config\n${renderYaml(config)}`;
}

/**
 * The image has a service that makes host keys at the first boot, in no known order with cloud-init; cloud-init's last stage
 * comes after both.
 */
function renderScript(node: NodeSetup): string {
  return renderFirstBootScript({
    node,
    variables: {
      used_user_data: renderUsedUserData(node),
      used_network_config: renderUsedNetworkConfig(),
    },
    functions,
    steps: ['stop_other_keys', 'pin_host_key', 'forget_old_name'],
    tidyUp: 'tidy_up',
  });
}

const functions = `
stop_other_keys() {
  systemctl stop regenerate_ssh_host_keys.service 2>/dev/null || true
}

# cloud-init adds the node's name, and leaves the image's
forget_old_name() {
  sed -i "/^127\\.0\\.1\\.1[[:space:]]/{/[[:space:]]$host_name\\$/!d}" /etc/hosts
}

replace() {
  if [ -f "$1" ]; then
    shred -z -n 1 "$1"
    printf '%s' "$2" >"$1"
  fi
}

# cloud-init makes its copies anew from what is left
tidy_up() {
  replace /boot/firmware/user-data "$used_user_data"
  replace /boot/firmware/network-config "$used_network_config"
  for folder in /var/lib/cloud/instances/*; do
    destroy "$folder/user-data.txt" "$folder/user-data.txt.i" "$folder/cloud-config.txt" \\
      "$folder/network-config.json" "$folder/obj.pkl"
  done
  destroy "$0"
}
`;
