import { isVersion, repositoryFor, sourceFor } from '../docker/docker-package.ts';
import { installScript } from '../docker/install-script.ts';
import { runDetached } from '../remote/run-detached.ts';
import type { NodeFacts } from '../up/facts.ts';
import type { Cluster, Phase, Step } from '../up/phase.ts';
import { reached } from './roles.ts';

const longestMs = 1_800_000;

/** It may be one whose installation a power cut has ended. */
const startScript = `
set -eu
export DEBIAN_FRONTEND=noninteractive
dpkg --configure -a
apt-get -q -y -o DPkg::Lock::Timeout=300 -f install
systemctl enable --now docker
`;

/** Every node has a Docker Engine that runs, from where it shall come, and of the wanted version where one is wanted. */
export const docker: Phase = {
  name: 'docker',
  title: 'Install Docker',
  plan: (cluster) =>
    reached(cluster).flatMap(({ name }) => {
      const facts = cluster.facts.get(name);
      return facts === undefined ? [] : planNode(name, facts, cluster);
    }),
};

function planNode(node: string, facts: NodeFacts, { wanted }: Cluster): readonly Step[] {
  const found = facts.docker;
  const { version } = wanted.docker;
  const isRight =
    found !== undefined &&
    (wanted.docker.source ?? found.package?.source) === found.package?.source &&
    (version === undefined || (found.package?.isHeld && isVersion(found.package.version, version)));
  if (!isRight) return [install(node, facts, wanted.docker)];
  return found.isRunning ? [] : [start(node)];
}

function install(node: string, facts: NodeFacts, wanted: Cluster['wanted']['docker']): Step {
  const { version, fingerprint } = wanted;
  const source = sourceFor(facts, wanted);
  const repository = repositoryFor(facts.os, wanted);
  const isInSwarm = facts.docker !== undefined && facts.docker.swarm.state !== 'inactive';
  return {
    node,
    title: titleOf(facts, { ...wanted, source }),
    // Of a Swarm that is at work only one node at a time is without its Docker.
    ...(isInSwarm && { group: 'docker-of-members' }),
    async act({ remote, say, signal }) {
      await runDetached(remote, {
        name: 'install-docker',
        script: installScript,
        args: [source, version ?? '', repository, facts.os.codename, fingerprint],
        timeoutMs: longestMs,
        onLine: say,
        signal,
      });
    },
  };
}

function titleOf({ docker: found }: NodeFacts, wanted: Cluster['wanted']['docker']): string {
  const { source, version, repository } = wanted;
  const what = version === undefined ? 'Docker' : `Docker ${version}`;
  const where = source === 'docker' ? new URL(repository).host : 'Debian';
  const isOther = found?.package !== undefined && found.package.source !== source;
  return `install ${what} from ${where}${isOther ? ` in place of ${found.package.version}` : ''}`;
}

function start(node: string): Step {
  return {
    node,
    title: 'start Docker',
    async act({ remote, say, signal }) {
      await runDetached(remote, {
        name: 'start-docker',
        script: startScript,
        timeoutMs: longestMs,
        onLine: say,
        signal,
      });
    },
  };
}
