import { runDetached } from '../remote/run-detached.ts';
import type { DockerFacts } from '../up/facts.ts';
import type { Cluster, Phase, Step } from '../up/phase.ts';
import { reached } from './roles.ts';

const longestMs = 1_800_000;

/** Every node has a Docker Engine that runs, of the wanted version where one is wanted. */
export const docker: Phase = {
  name: 'docker',
  title: 'Install Docker',
  plan: (cluster) => reached(cluster).flatMap(({ name }) => planNode(name, cluster)),
};

function planNode(node: string, { facts, wanted }: Cluster): readonly Step[] {
  const found = facts.get(node)?.docker;
  const { version } = wanted.docker;
  if (found === undefined || !isVersion(found, version)) return [install(node, version)];
  return found.isRunning ? [] : [start(node)];
}

/** Debian's `20.10.24+dfsg1-1+deb12u1` is Docker's `20.10.24+dfsg1`. */
function isVersion({ version }: DockerFacts, wanted: string | undefined): boolean {
  return wanted === undefined || wanted.replace(/-.*$/, '') === version || wanted === version;
}

/**
 * An interrupted run before this one is put in order first. From Debian 13 on the command line is a package of its own. What is
 * pinned is held, so that no other upgrade moves it. Logs of containers would else fill a card.
 */
const installScript = String.raw`
set -eu
export DEBIAN_FRONTEND=noninteractive
version=$1
apt() { apt-get -q -o DPkg::Lock::Timeout=300 "$@"; }
dpkg --configure -a
apt update
apt -y -f install
if [ ! -e /etc/docker/daemon.json ]; then
  mkdir -p /etc/docker
  printf '%s\n' '{ "log-opts": { "max-size": "10m", "max-file": "3" } }' >/etc/docker/daemon.json
fi
apt-mark unhold docker.io >/dev/null 2>&1 || true
packages="docker.io iptables ca-certificates"
apt-cache show docker-cli >/dev/null 2>&1 && packages="$packages docker-cli"
if [ -n "$version" ]; then
  apt -y --no-install-recommends --allow-downgrades install "docker.io=$version" $packages
  apt-mark hold docker.io
else
  apt -y --no-install-recommends install $packages
fi
systemctl enable --now docker
`;

function install(node: string, version: string | undefined): Step {
  return {
    node,
    title: version === undefined ? 'install Docker from Debian' : `install Docker ${version} from Debian`,
    async act({ remote, say, signal }) {
      await runDetached(remote, {
        name: 'install-docker',
        script: installScript,
        args: [version ?? ''],
        timeoutMs: longestMs,
        onLine: say,
        signal,
      });
    },
  };
}

function start(node: string): Step {
  return {
    node,
    title: 'start Docker',
    async act({ remote, signal }) {
      await remote.run(['systemctl', 'enable', '--now', 'docker'], { as: 'root', signal });
    },
  };
}
