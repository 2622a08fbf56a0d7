/**
 * `$1` is the stack, `$2` the registry's folder, `$3` its images, `$4` where Docker keeps certificates, `$5` and `$6` the tunnel's
 * folder and unit, `$7` its user, `$8` `purge` or `keep`, `$9` and `${10}` what an interrupted backup or restore left. What is not
 * there is passed over, so that a second run goes on where the first was cut.
 */
export const resetScript = `
set -eu
export DEBIAN_FRONTEND=noninteractive
stack=$1 registry=$2 images=$3 certificates=$4 tunnel=$5 unit=$6 user=$7 docker=$8 staging=$9 marker=\${10}
purge() { apt-get -qq -y -o DPkg::Lock::Timeout=300 purge "$@" >/dev/null; }
isMember() { [ "$(docker info --format '{{.Swarm.LocalNodeState}}')" != inactive ]; }
tasks() { docker ps --all --quiet --filter label=com.docker.swarm.service.id; }
each() { xargs --no-run-if-empty "$@"; }

if command -v docker >/dev/null; then
  systemctl start docker || true
  docker info >/dev/null 2>&1 || [ "$docker" = purge ] || { echo 'Docker does not answer: see systemctl status docker' >&2; exit 1; }
fi
if docker info >/dev/null 2>&1; then
  for attempt in $(seq 5); do # Docker gives up when its tasks take their time to end
    if ! isMember || docker swarm leave --force 2>&1; then break; fi
    sleep 1
  done
  if isMember; then exit 1; fi
  for attempt in $(seq 20); do # Docker may be ending them by itself
    if tasks | each docker rm --force --volumes >/dev/null; then break; fi
    sleep 0.5
  done
  docker volume ls --quiet --filter "label=com.docker.stack.namespace=$stack" | each docker volume rm
fi

if [ -e "$unit" ]; then
  systemctl disable --quiet --now "$(basename "$unit")"
  rm "$unit"
  systemctl daemon-reload
fi
if id "$user" >/dev/null 2>&1; then userdel "$user"; fi
rm -rf "$tunnel" "$staging" "$marker"

if [ -e "$registry" ]; then
  rm -rf /etc/systemd/system/docker-registry.service.d/bramble.conf
  if dpkg -s docker-registry >/dev/null 2>&1; then purge docker-registry; fi
  systemctl daemon-reload
  rm -rf "$registry" "$images"
fi
for ca in "$certificates"/*/ca.crt; do
  [ -e "$ca" ] || continue
  if openssl x509 -noout -subject -in "$ca" | grep -q 'Bramble registry of'; then rm -r "$(dirname "$ca")"; fi
done
rmdir /etc/bramble 2>/dev/null || true

if [ "$docker" = purge ]; then
  for package in docker.io docker-cli containerd runc docker-ce docker-ce-cli docker-ce-rootless-extras docker-buildx-plugin containerd.io; do
    apt-mark unhold "$package" >/dev/null 2>&1 || true
    if dpkg -s "$package" >/dev/null 2>&1; then purge "$package"; fi
  done
  for data in /var/lib/docker /var/lib/containerd; do # either may be a disk of its own, or a link to one
    if [ -d "$data" ]; then find "$data/" -xdev -mindepth 1 -delete; fi
    rmdir "$data" 2>/dev/null || true
  done
  rm -rf /etc/docker /etc/apt/sources.list.d/docker.list /etc/apt/keyrings/docker.asc
fi
`;
