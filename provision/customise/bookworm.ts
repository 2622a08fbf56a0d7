import type { BootFile, PresentFiles } from './boot-files.ts';
import { kernelParameters, withParameters } from './cmdline.ts';
import { configTxt } from './config-txt.ts';
import { renderFirstBootScript, watchdogConfig, watchdogFile } from './first-boot-script.ts';
import { renderKeyfile } from './keyfile.ts';
import type { NodeSetup } from './node-setup.ts';

/** On the boot partition. Raspberry Pi OS changes scripts with its own imager's name at the boot, so it has another. */
const scriptName = 'bramble-first-boot.sh';

/**
 * Raspberry Pi OS Bookworm: its first start makes the root partition larger and SSH host keys of its own; the second one runs
 * our script in place of all else and restarts; the third one is the node.
 */
export function customiseBookworm(node: NodeSetup, { cmdline, config }: PresentFiles): BootFile[] {
  const run = [
    `systemd.run=/boot/firmware/${scriptName}`,
    'systemd.run_success_action=reboot',
    'systemd.unit=kernel-command-line.target',
  ];
  return [
    {
      path: scriptName,
      content: renderScript(node),
      isSecret: true,
      purpose: 'host name, user and keys, SSH, network, locale; runs once at the first boot',
    },
    {
      path: 'cmdline.txt',
      content: withParameters(cmdline, [...kernelParameters(node.wifiCountry), ...run]),
      isSecret: false,
      purpose: 'memory control groups, and the script at the first boot',
    },
    configTxt(node, config),
  ];
}

function renderScript(node: NodeSetup): string {
  const { user, wifiCountry } = node;
  const keyfile = renderKeyfile(node);
  return renderFirstBootScript({
    node,
    variables: {
      user: user.name,
      password_hash: user.passwordHash ?? '!', // fits no password
      authorized_keys: user.authorizedKeys.map((key) => `${key}\n`).join(''),
      locale: node.locale,
      time_zone: node.timeZone,
      keymap: node.keymap,
      ...(keyfile === undefined ? {} : { keyfile }),
      ...(wifiCountry === undefined ? {} : { wifi_country: wifiCountry }),
      ...(node.hasWatchdog ? { watchdog_config: watchdogConfig } : {}),
    },
    functions: [
      basicFunctions,
      ...(keyfile === undefined ? [] : [connectionFunction]),
      ...(wifiCountry === undefined ? [] : [radioFunction]),
      ...(node.hasWatchdog ? [watchdogFunction] : []),
    ].join(''),
    steps: [
      'pin_host_key',
      'set_user',
      'set_authorized_keys',
      'enable_ssh',
      'set_host_name',
      ...(keyfile === undefined ? [] : ['set_connection']),
      ...(wifiCountry === undefined ? [] : ['unblock_radio']),
      ...(node.hasWatchdog ? ['set_watchdog'] : []),
      'set_time_zone',
      'set_keymap',
      'set_locale', // takes long
    ],
    tidyUp: 'tidy_up',
  });
}

const basicFunctions = `
# Raspberry Pi OS asks for a user at its first start. Its own tool renames the one that it has, and calls that off.
set_user() {
  if [ -x /usr/lib/userconf-pi/userconf ]; then
    /usr/lib/userconf-pi/userconf "$user" "$password_hash" || true
  fi
  if ! getent passwd "$user" >/dev/null; then make_user; fi
  printf '%s:%s\\n' "$user" "$password_hash" | chpasswd -e
  write_file /etc/sudoers.d/010-bramble 440 "$user ALL=(ALL) NOPASSWD: ALL
"
}

make_user() {
  first=$(getent passwd 1000 | cut -d: -f1)
  if [ -z "$first" ]; then
    useradd -m -U -s /bin/bash -G sudo "$user"
  else
    usermod -l "$user" "$first"
    usermod -d "/home/$user" -m "$user"
    groupmod -n "$user" "$first" || true
  fi
}

set_authorized_keys() {
  home=$(getent passwd "$user" | cut -d: -f6)
  group=$(id -g "$user")
  install -d -m 700 -o "$user" -g "$group" "$home/.ssh"
  write_file "$home/.ssh/authorized_keys" 600 "$authorized_keys"
  chown "$user:$group" "$home/.ssh/authorized_keys"
}

enable_ssh() {
  systemctl enable ssh.service
}

set_host_name() {
  printf '%s\\n' "$host_name" >/etc/hostname
  sed -i '/^127\\.0\\.1\\.1[[:space:]]/d' /etc/hosts
  printf '127.0.1.1\\t%s\\n' "$host_name" >>/etc/hosts
}

set_time_zone() {
  [ -e "/usr/share/zoneinfo/$time_zone" ]
  ln -sf "/usr/share/zoneinfo/$time_zone" /etc/localtime
  printf '%s\\n' "$time_zone" >/etc/timezone
}

set_keymap() {
  write_file /etc/default/keyboard 644 "XKBMODEL=\\"pc105\\"
XKBLAYOUT=\\"$keymap\\"
XKBVARIANT=\\"\\"
XKBOPTIONS=\\"\\"
BACKSPACE=\\"guess\\"
"
  if command -v setupcon >/dev/null; then setupcon --save-only; fi
}

set_locale() {
  if [ "$locale" != C.UTF-8 ]; then
    sed -i "s/^# *\\($locale UTF-8\\)/\\1/" /etc/locale.gen
    grep -q "^$locale UTF-8" /etc/locale.gen || printf '%s UTF-8\\n' "$locale" >>/etc/locale.gen
    locale-gen
  fi
  update-locale "LANG=$locale"
}

# The parameters go first: with them and without the script, the system would not start
tidy_up() {
  boot=$(dirname "$0")
  sed -i 's/ systemd\\.run[^ ]*//g; s/ systemd\\.unit=kernel-command-line\\.target//g' "$boot/cmdline.txt"
  sync
  destroy "$0"
}
`;

const connectionFunction = `
set_connection() {
  write_file /etc/NetworkManager/system-connections/bramble.nmconnection 600 "$keyfile"
}
`;

const radioFunction = `
# Until a country is chosen, the radio is off
unblock_radio() {
  if command -v raspi-config >/dev/null; then raspi-config nonint do_wifi_country "$wifi_country" || true; fi
  if command -v rfkill >/dev/null; then rfkill unblock wifi || true; fi
  for file in /var/lib/systemd/rfkill/*:wlan; do
    if [ -e "$file" ]; then echo 0 >"$file"; fi
  done
}
`;

const watchdogFunction = `
set_watchdog() {
  write_file ${watchdogFile} 644 "$watchdog_config"
}
`;
