import { trustRegistry } from '../registry/certificates.ts';
import { installScript } from '../registry/install-script.ts';
import { registryPlaces, registryPort } from '../registry/places.ts';
import { runDetached } from '../remote/run-detached.ts';
import { shortHash } from '../short-hash.ts';
import type { ServedRegistry } from '../up/facts.ts';
import type { Cluster, Phase, Step } from '../up/phase.ts';
import { addressOf, firstManager, reached } from './roles.ts';

const longestMs = 900_000;

/** Only who has a certificate of its authority may read or write; without one the connection ends before a request is sent. */
const configuration = `version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: ${registryPlaces.data}
  delete:
    enabled: true
http:
  addr: :${registryPort}
  tls:
    certificate: ${registryPlaces.folder}/server.crt
    key: ${registryPlaces.folder}/server.key
    clientcas:
      - ${registryPlaces.folder}/ca.crt
    minimumtls: tls1.2
`;
/** Of how it is set up; where another is found it is set up anew. */
export const registryRevision = shortHash(configuration + installScript);

/** The first manager keeps images for all nodes. */
export const registry: Phase = {
  name: 'registry',
  title: 'Set up the registry',
  plan: (cluster) => {
    const { name } = firstManager(cluster.wanted);
    if (!cluster.facts.has(name) || servedRegistry(cluster) !== undefined) return [];
    return [install(name, cluster)];
  },
};

/** Docker of every node knows the registry, and the registry every node. */
export const trust: Phase = {
  name: 'trust',
  title: 'Let the nodes use the registry',
  plan: (cluster) => {
    if (!cluster.facts.has(firstManager(cluster.wanted).name)) return [];
    return reached(cluster)
      .filter(({ name }) => !mayUseRegistry(name, cluster))
      .map(({ name }) => introduce(name, cluster));
  },
};

/** As nodes name it, and so how names of its images begin: `192.168.1.21:5000`. */
export function registryAddress(cluster: Pick<Cluster, 'wanted' | 'facts'>): string {
  return `${addressOf(firstManager(cluster.wanted), cluster)}:${registryPort}`;
}

/** As it should be; `undefined` where it is not yet. */
export function servedRegistry(cluster: Pick<Cluster, 'wanted' | 'facts'>): ServedRegistry | undefined {
  const served = cluster.facts.get(firstManager(cluster.wanted).name)?.registry.served;
  const isRight = served?.address === registryAddress(cluster) && served.revision === registryRevision;
  return isRight ? served : undefined;
}

/** It and Docker of this node know each other. */
export function mayUseRegistry(node: string, cluster: Cluster): boolean {
  const authority = servedRegistry(cluster)?.authority;
  const trusted = cluster.facts.get(node)?.registry.trusted[registryAddress(cluster)];
  return authority !== undefined && trusted === authority;
}

function install(node: string, cluster: Cluster): Step {
  const address = registryAddress(cluster);
  return {
    node,
    title: `serve images to all nodes at ${address}`,
    async act({ remote, say, signal }) {
      const host = address.slice(0, address.lastIndexOf(':'));
      await runDetached(remote, {
        name: 'install-registry',
        script: installScript,
        args: [registryPlaces.folder, host, String(registryPort), configuration, registryRevision],
        timeoutMs: longestMs,
        onLine: say,
        signal,
      });
    },
  };
}

function introduce(node: string, cluster: Cluster): Step {
  const address = registryAddress(cluster);
  return {
    node,
    title: `get a certificate for the registry at ${address}`,
    async act({ remote, remoteOf, signal }) {
      const authority = remoteOf(firstManager(cluster.wanted).name);
      await trustRegistry(remote, { address, authority, signal });
    },
  };
}
