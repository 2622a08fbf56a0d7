/**
 * Installs Docker in the place of what a node has of it: `$1` `debian` or `docker`, `$2` a version or nothing; for `docker` `$3`
 * the repository's address with its distribution, `$4` the codename, `$5` the fingerprint of its key.
 *
 * An interrupted run before this one is put in order first. One transaction replaces the one Docker by the other, so that nothing
 * is taken away before all is downloaded; /var/lib/docker stays, and with it the Swarm. Whoever has edited a configuration file
 * keeps it. What is pinned is held, so that no other upgrade moves it. Logs of containers would else fill a card.
 */
export const installScript = String.raw`
set -eu
export DEBIAN_FRONTEND=noninteractive
source=$1 version=$2 repository=$3 codename=$4 fingerprint=$5
# As Docker's own instructions name them: no second list of the same repository stands beside it.
list=/etc/apt/sources.list.d/docker.list key=/etc/apt/keyrings/docker.asc

apt() {
  apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}
install() { apt -y --no-install-recommends --allow-downgrades install "$@"; }
fail() {
  echo "$*" >&2
  exit 1
}
isThere() { apt-cache show "$1" >/dev/null 2>&1; }
versions() { apt-cache madison "$1" | cut -d '|' -f 2 | tr -d ' '; }
# The newest one that is it, or a revision of it
find() {
  for found in $(versions "$1"); do
    case $found in "$2" | "$2"-* | *:"$2" | *:"$2"-*)
      echo "$found"
      return
      ;;
    esac
  done
  fail "there is no $1 $2 here, only:" $(versions "$1")
}

fetchKey() {
  if ! command -v curl || ! command -v gpg; then
    apt update
    install ca-certificates curl gpg
  fi >/dev/null
  mkdir -p "$(dirname $key)"
  curl --fail --silent --show-error --location --max-time 60 --output $key.new "$repository/gpg" ||
    fail "cannot fetch the key of $repository"
  shown=$(gpg --show-keys --with-colons $key.new | sed -n '/^pub:/{n;s/^fpr:*\([0-9A-F]*\):*$/\1/p}') || true
  if [ "$shown" != "$fingerprint" ]; then
    rm $key.new
    [ -n "$shown" ] || shown=none
    fail "the key $repository/gpg has the fingerprint $shown, not $fingerprint: nothing was installed from there"
  fi
  chmod 644 $key.new
  mv $key.new $key
}

useRepository() {
  fetchKey
  rm -f /etc/apt/sources.list.d/docker.sources
  echo "deb [arch=$(dpkg --print-architecture) signed-by=$key] $repository $codename stable" >$list
  if ! apt update; then
    rm $list $key
    fail "apt does not take the packages of $repository"
  fi
  [ -n "$(versions docker-ce)" ] || fail "$repository cannot be read, or has no docker-ce for $codename"
}

dpkg --configure -a
case $source in
docker)
  useRepository
  packages="docker-ce docker-ce-cli" others="containerd.io iptables ca-certificates" maybe=docker-buildx-plugin
  replaced="docker.io docker-cli docker-buildx containerd runc"
  ;;
debian)
  rm -f $list $key
  apt update
  packages=docker.io others="iptables ca-certificates" maybe=docker-cli # of its own from Debian 13 on
  replaced="docker-ce docker-ce-cli docker-ce-rootless-extras docker-buildx-plugin containerd.io"
  ;;
esac
apt -y -f install
if [ ! -e /etc/docker/daemon.json ]; then
  mkdir -p /etc/docker
  printf '%s\n' '{ "log-opts": { "max-size": "10m", "max-file": "3" } }' >/etc/docker/daemon.json
fi
wanted=
for package in $packages; do
  [ -z "$version" ] || package="$package=$(find "$package" "$version")"
  wanted="$wanted $package"
done
for package in $others $maybe; do
  ! isThere "$package" || wanted="$wanted $package"
done
for package in $replaced; do
  ! dpkg-query --show --showformat "\${db:Status-Status}" "$package" 2>/dev/null | grep -qx installed || wanted="$wanted $package-"
done
for package in docker.io docker-ce docker-ce-cli; do
  apt-mark unhold "$package" >/dev/null 2>&1 || true
done
install $wanted
[ -z "$version" ] || apt-mark hold $packages
systemctl enable --now docker
`;
