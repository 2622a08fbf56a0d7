#!/bin/sh
# Makes this system the node pi-01. Written by bramble flash; it runs once and removes itself.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022
host_name='pi-01'
flash_id='flash-0001'
host_key='-----BEGIN OPENSSH PRIVATE KEY-----
YSBwcml2YXRlIGhvc3Qga2V5
-----END OPENSSH PRIVATE KEY-----
'
host_key_public='ssh-ed25519 YSBwdWJsaWMgaG9zdCBrZXk= pi-01
'
sshd_config='PasswordAuthentication no
KbdInteractiveAuthentication no
HostKey /etc/ssh/ssh_host_ed25519_key
'
user='ada'
password_hash='$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoMBLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.'
authorized_keys='ssh-ed25519 QWRhJ3Mga2V5 ada@laptop
ssh-rsa Qm9iJ3Mga2V5 Bob'\''s "old" key
'
locale='en_GB.UTF-8'
time_zone='Europe/Berlin'
keymap='gb'
keyfile='[connection]
id=bramble
type=wifi
autoconnect=true

[wifi]
mode=infrastructure
ssid=83;195;184;115;116;114;101;110;101;32;34;71;114;195;165;34;32;36;72;79;77;69;
hidden=true

[wifi-security]
key-mgmt=wpa-psk
psk=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef

[ipv4]
method=auto

[ipv6]
method=auto
'
wifi_country='NO'
watchdog_config='[Manager]
RuntimeWatchdogSec=15
RebootWatchdogSec=2min
'

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
  write_file /etc/ssh/sshd_config.d/10-bramble.conf 644 "$sshd_config"
}

# Raspberry Pi OS asks for a user at its first start. Its own tool renames the one that it has, and calls that off.
set_user() {
  if [ -x /usr/lib/userconf-pi/userconf ]; then
    /usr/lib/userconf-pi/userconf "$user" "$password_hash" || true
  fi
  if ! getent passwd "$user" >/dev/null; then make_user; fi
  printf '%s:%s\n' "$user" "$password_hash" | chpasswd -e
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
  printf '%s\n' "$host_name" >/etc/hostname
  sed -i '/^127\.0\.1\.1[[:space:]]/d' /etc/hosts
  printf '127.0.1.1\t%s\n' "$host_name" >>/etc/hosts
}

set_time_zone() {
  [ -e "/usr/share/zoneinfo/$time_zone" ]
  ln -sf "/usr/share/zoneinfo/$time_zone" /etc/localtime
  printf '%s\n' "$time_zone" >/etc/timezone
}

set_keymap() {
  write_file /etc/default/keyboard 644 "XKBMODEL=\"pc105\"
XKBLAYOUT=\"$keymap\"
XKBVARIANT=\"\"
XKBOPTIONS=\"\"
BACKSPACE=\"guess\"
"
  if command -v setupcon >/dev/null; then setupcon --save-only; fi
}

set_locale() {
  if [ "$locale" != C.UTF-8 ]; then
    sed -i "s/^# *\($locale UTF-8\)/\1/" /etc/locale.gen
    grep -q "^$locale UTF-8" /etc/locale.gen || printf '%s UTF-8\n' "$locale" >>/etc/locale.gen
    locale-gen
  fi
  update-locale "LANG=$locale"
}

# The parameters go first: with them and without the script, the system would not start
tidy_up() {
  boot=$(dirname "$0")
  sed -i 's/ systemd\.run[^ ]*//g; s/ systemd\.unit=kernel-command-line\.target//g' "$boot/cmdline.txt"
  sync
  destroy "$0"
}

set_connection() {
  write_file /etc/NetworkManager/system-connections/bramble.nmconnection 600 "$keyfile"
}

# Until a country is chosen, the radio is off
unblock_radio() {
  if command -v raspi-config >/dev/null; then raspi-config nonint do_wifi_country "$wifi_country" || true; fi
  if command -v rfkill >/dev/null; then rfkill unblock wifi || true; fi
  for file in /var/lib/systemd/rfkill/*:wlan; do
    if [ -e "$file" ]; then echo 0 >"$file"; fi
  done
}

set_watchdog() {
  write_file /etc/systemd/system.conf.d/90-bramble-watchdog.conf 644 "$watchdog_config"
}

main() {
  failed=''
  for step in pin_host_key set_user set_authorized_keys enable_ssh set_host_name set_connection unblock_radio set_watchdog set_time_zone set_keymap set_locale; do
    # Not as a condition: within one, set -e would have no effect
    (set -e; "$step")
    status=$?
    if [ "$status" -ne 0 ]; then failed="$failed$step
"; fi
  done
  write_file /etc/bramble/first-boot-failures 644 "$failed"
  write_file /etc/bramble/flash-id 644 "$flash_id
"
  sync
  tidy_up
  sync
}

main; exit 0
