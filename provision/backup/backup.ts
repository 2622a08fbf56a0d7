import { createHash } from 'node:crypto';
import type { DockerCli } from '../../src/support/docker-cli.ts';
import { BrambleError, messageOf } from '../../src/support/errors.ts';
import { tarEnd, tarHeader, tarPadding } from '../agent-image/tar.ts';
import { findManager, type Life, listNodes } from '../life/life.ts';
import { stackName } from '../phases/stack.ts';
import { poll } from '../poll.ts';
import { dockerOf } from '../remote/docker.remote.ts';
import type { Remote } from '../remote/remote.ts';
import { brokerLabel } from '../stack.ts';
import { encryptWithPassphrase } from './age.ts';
import { stagingFolder } from './places.ts';
import { incomplete, openPart, type Part, removeStaging, snapshotBroker, snapshotSwarm } from './snapshot.ts';

/** A file of the project, from here. */
export interface ProjectFile {
  /** In the archive. */
  readonly path: string;
  readonly content: Uint8Array;
}

export interface BackupOptions {
  readonly passphrase: string;
  /** bramble.yaml and its like; asked when the cluster's id is known. */
  readonly findFiles: (clusterId: string) => Promise<readonly ProjectFile[]>;
  /** When it is. */
  readonly now: Date;
}

/** The first file of an archive. */
export interface Manifest {
  readonly version: 1;
  readonly cluster: string;
  readonly clusterId: string;
  readonly createdAt: string;
  /** Of the parts that come from nodes. */
  readonly sha256: Readonly<Record<string, string>>;
}

export const manifestPath = 'manifest.json';
const managerBackMs = 120_000;
const cleaningMs = 30_000;

/**
 * All that a cluster would need to begin again, encrypted, piece by piece: a tar archive in the format of age. Nothing of it is
 * written here in the clear.
 */
export async function* backUp(life: Life, options: BackupOptions): AsyncIterable<Uint8Array> {
  const { docker } = await findManager(life);
  const clusterId = await docker.run(['info', '--format', '{{.Swarm.Cluster.ID}}']);
  const nodes = await listNodes(docker);
  const brokerNode = nodes.find(({ labels }) => labels[brokerLabel] === 'true');
  const broker = remoteOf(brokerNode?.hostName, life);
  const manager = remoteOf(chooseManager(await listManagers(docker), brokerNode?.hostName, life), life);
  try {
    const isOnly = nodes.filter(({ role }) => role === 'manager').length === 1;
    const price = isOnly ? '; it is the only manager, so that nothing can be changed meanwhile' : '';
    life.say(
      `${manager.name}: copying the Swarm's state; Docker stands still there for some seconds${price}`,
    );
    const swarmPart = await snapshotSwarm(manager, life);
    await untilBack(manager, life);
    life.say(`${broker.name}: copying what the broker keeps`);
    const parts = [swarmPart, await snapshotBroker(broker, stackName, life)];
    const manifest: Manifest = {
      ...{ version: 1, cluster: life.wanted.name, clusterId, createdAt: options.now.toISOString() },
      sha256: Object.fromEntries(parts.map(({ path, sha256 }) => [path, sha256])),
    };
    const files = [
      { path: manifestPath, content: toJson(manifest) },
      ...(await options.findFiles(clusterId)),
    ];
    yield* encryptWithPassphrase(pack(files, parts, life), options.passphrase);
  } finally {
    await cleanUp([manager, broker], life);
  }
}

/** On both, whatever came before: what lies there has the Swarm's keys. */
async function cleanUp(remotes: readonly Remote[], { say }: Life): Promise<void> {
  const signal = AbortSignal.timeout(cleaningMs);
  const clean = async (remote: Remote) => {
    await removeStaging(remote, { signal }).catch((err: unknown) => {
      say(
        `${remote.name}: ${stagingFolder}, with a copy of the Swarm's keys, is left there: ${messageOf(err)}`,
      );
    });
  };
  await Promise.all([...new Set(remotes)].map(clean));
}

function toJson(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}

function remoteOf(name: string | undefined, { remotes, wanted }: Life): Remote {
  const remote = name === undefined ? undefined : remotes.get(name);
  if (remote !== undefined) return remote;
  throw new BrambleError(
    'NOT_FOUND',
    name === undefined
      ? 'no node keeps the data of the broker; is Bramble deployed? See bramble up'
      : `${name}, which is to be asked for its data, is not in ${wanted.file}`,
  );
}

interface Manager {
  readonly name: string;
  /** As `docker node ls` has it: Leader, Reachable, Unreachable. */
  readonly status: string;
}

async function listManagers(docker: DockerCli): Promise<readonly Manager[]> {
  const listed = await docker.run(['node', 'ls', '--format', '{{.Hostname}}\t{{.ManagerStatus}}']);
  return listed.split('\n').flatMap((line) => {
    const [name = '', status = ''] = line.split('\t');
    return status === '' ? [] : [{ name, status }];
  });
}

/** Best one whose pause nobody notices: neither the leader, nor the broker's node. */
export function chooseManager(
  managers: readonly Manager[],
  brokerNode: string | undefined,
  { remotes }: Pick<Life, 'remotes'>,
): string | undefined {
  const usable = managers.filter(({ name, status }) => status !== 'Unreachable' && remotes.has(name));
  const price = ({ name, status }: Manager) => (status === 'Leader' ? 2 : 0) + (name === brokerNode ? 1 : 0);
  return [...usable].sort((one, other) => price(one) - price(other))[0]?.name;
}

/** Until it takes part again: two pauses at once might be too many. */
async function untilBack(remote: Remote, { clock, signal }: Life): Promise<void> {
  const docker = dockerOf(remote, signal);
  const isBack = () =>
    docker.run(['node', 'ls', '--quiet']).then(
      () => true,
      () => false,
    );
  if (!(await poll(isBack, { clock, timeoutMs: managerBackMs, signal })))
    throw new BrambleError(
      'CONTROL_OFFLINE',
      `${remote.name} is no manager again after ${managerBackMs / 1000} s; see systemctl status docker there`,
    );
}

async function* pack(
  files: readonly ProjectFile[],
  parts: readonly Part[],
  life: Life,
): AsyncIterable<Uint8Array> {
  for (const { path, content } of files) {
    yield tarHeader({ path, bytes: content.byteLength, isExecutable: false });
    yield content;
    yield tarPadding(content.byteLength);
  }
  for (const part of parts) {
    yield tarHeader({ path: part.path, bytes: part.bytes, isExecutable: false });
    yield* checked(part, life);
    yield tarPadding(part.bytes);
  }
  yield tarEnd;
}

async function* checked(part: Part, life: Life): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of await openPart(part, life)) {
    if (!(piece instanceof Uint8Array)) throw new TypeError('a stream of bytes was expected');
    bytes += piece.byteLength;
    hash.update(piece);
    yield piece;
  }
  if (bytes !== part.bytes || hash.digest('hex') !== part.sha256) throw incomplete(part);
}
