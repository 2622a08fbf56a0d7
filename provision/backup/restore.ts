import { Readable } from 'node:stream';
import { BrambleError } from '../../src/support/errors.ts';
import { streamTar } from '../agent-image/tar.ts';
import { type Life, listNodes } from '../life/life.ts';
import { docker as dockerPhase } from '../phases/docker.ts';
import { addressOf, firstManager } from '../phases/roles.ts';
import { stackName } from '../phases/stack.ts';
import { poll } from '../poll.ts';
import { askDocker, dockerOf } from '../remote/docker.remote.ts';
import { type Remote, remoteOf } from '../remote/remote.ts';
import { runDetached } from '../remote/run-detached.ts';
import { brokerLabel } from '../stack.ts';
import type { NodeFacts } from '../up/facts.ts';
import { readFacts } from '../up/read-facts.ts';
import { decryptWithPassphrase } from './age.ts';
import { type Manifest, manifestPath, type ProjectFile } from './backup.ts';
import { restoreMarker, stagingFolder } from './places.ts';
import { removeStaging } from './snapshot.ts';

type Chunks = AsyncIterable<Uint8Array>;

/** What comes from nodes; all else in an archive is the project's. */
const partPaths: readonly string[] = ['swarm.tar.gz', 'broker.tar.gz'];

export interface BackupContent {
  readonly manifest: Manifest;
  readonly files: readonly ProjectFile[];
}

/** Reads a backup to its end, so that all of it is known to be whole, and resolves to what is not for nodes. */
export async function examineBackup(file: Chunks, passphrase: string): Promise<BackupContent> {
  const files: ProjectFile[] = [];
  for await (const { path, content } of entriesOf(file, passphrase)) {
    const pieces: Buffer[] = [];
    for await (const piece of content) if (!partPaths.includes(path)) pieces.push(piece);
    if (!partPaths.includes(path)) files.push({ path, content: Buffer.concat(pieces) });
  }
  const manifest = parseManifest(files.find(({ path }) => path === manifestPath));
  return { manifest, files: files.filter(({ path }) => path !== manifestPath) };
}

async function* entriesOf(file: Chunks, passphrase: string) {
  const plain = decryptWithPassphrase(file, passphrase);
  try {
    yield* streamTar(plain);
  } catch (err) {
    if (!(err instanceof RangeError)) throw err;
    throw notOurs(err);
  }
  for await (const _ of plain); // to the end: what follows the archive must be whole as well
}

function parseManifest(file: ProjectFile | undefined): Manifest {
  const value: unknown = file === undefined ? undefined : JSON.parse(Buffer.from(file.content).toString());
  if (isManifest(value)) return value;
  throw notOurs();
}

function isManifest(value: unknown): value is Manifest {
  return (
    typeof value === 'object' &&
    value !== null &&
    'version' in value &&
    value.version === 1 &&
    'sha256' in value &&
    typeof value.sha256 === 'object'
  );
}

function notOurs(cause?: unknown): BrambleError {
  return new BrambleError('INVALID', 'this file was not made by bramble backup, or by a later version', {
    cause,
  });
}

/** `$1` is the folder, `$2` the file, `$3` its SHA-256. */
const receiveScript = `
set -eu
umask 077
mkdir -p "$1"
cat >"$1/$2"
echo "$3  $1/$2" | sha256sum --check --quiet
`;

/** `$1` is the folder, `$2` the volume, `$3` the stack, `$4` the marker's file, `$5` its text. The Swarm's state is there whole or not at all. */
const putScript = `
set -eu
root=$(docker info --format '{{.DockerRootDir}}')
volume=$(docker volume create --label "com.docker.stack.namespace=$3" "$2")
path=$(docker volume inspect --format '{{.Mountpoint}}' "$volume")
find "$path" -mindepth 1 -delete
tar -C "$path" -xzf "$1/broker.tar.gz"
trap 'systemctl start docker' EXIT
systemctl stop docker.socket docker
rm -rf "$1/swarm"
tar -C "$1" -xzf "$1/swarm.tar.gz"
rm -rf "$root/swarm"
echo "$5" >"$4"
mv "$1/swarm" "$root/swarm"
`;

interface Backup {
  readonly open: () => Chunks;
  readonly passphrase: string;
  readonly manifest: Manifest;
}

const sendMs = 1_800_000;
const putMs = 300_000;
const readyMs = 120_000;

/**
 * Makes the first manager of the file, which must be in no Swarm, the only manager of the one that was saved, with the broker's
 * data. Workers that are still there find it again where it has the address of then; `bramble up` does the rest.
 */
export async function restore(life: Life, { open, passphrase, manifest }: Backup): Promise<void> {
  const { name } = firstManager(life.wanted);
  const remote = remoteOf(life.remotes, name);
  const { facts, isPut } = await prepare(remote, manifest, life);
  try {
    if (!isPut) await put(remote, { open, passphrase, manifest }, life);
    await beginAgain(remote, facts, life);
    await remote.run(['rm', '-f', restoreMarker], { as: 'root', signal: life.signal });
  } finally {
    await removeStaging(remote, { signal: AbortSignal.timeout(30_000) });
  }
}

async function put(remote: Remote, { open, passphrase, manifest }: Backup, life: Life): Promise<void> {
  const { name } = remote;
  for await (const { path, content } of entriesOf(open(), passphrase)) {
    if (!partPaths.includes(path)) continue;
    life.say(`${name}: sending ${path}`);
    await remote.run(['sh', '-c', receiveScript, 'sh', stagingFolder, path, manifest.sha256[path] ?? ''], {
      ...{ as: 'root', stdin: Readable.from(content), timeoutMs: sendMs, signal: life.signal },
    });
  }
  life.say(`${name}: putting all in its place, and beginning the Swarm again`);
  const args = [stagingFolder, `${stackName}_mosquitto`, stackName, restoreMarker, manifest.clusterId];
  await runDetached(remote, {
    name: 'restore',
    script: putScript,
    args,
    timeoutMs: putMs,
    signal: life.signal,
  });
}

/** Docker is there, and the node is free; or an earlier run has put this very state there, and was cut off then. */
async function prepare(
  remote: Remote,
  { clusterId }: Manifest,
  life: Life,
): Promise<{ facts: NodeFacts; isPut: boolean }> {
  const { wanted, clock, say, signal } = life;
  const { name } = remote;
  const facts = await readFacts(remote, { clock, signal });
  const state = facts.docker?.swarm.state ?? 'inactive';
  if (state !== 'inactive' && (await readMarker(remote, life)) === clusterId) return { facts, isPut: true };
  if (state !== 'inactive')
    throw new BrambleError(
      'CONFLICT',
      `${name} is in a Swarm (${state}), which would be lost; bramble reset takes it out of it, or choose another first manager`,
    );
  const cluster = { wanted, facts: new Map([[name, facts]]), swarm: undefined };
  const context = { remote, remoteOf: () => remote, clock, signal, say: () => {} };
  for (const step of dockerPhase.plan(cluster)) {
    say(`${name}: ${step.title}`);
    await step.act(context);
  }
  return { facts, isPut: false };
}

async function readMarker(remote: Remote, { signal }: Life): Promise<string> {
  const { stdout } = await remote.run(['sh', '-s', restoreMarker], {
    ...{ as: 'root', stdin: '[ ! -e "$1" ] || cat "$1"', signal },
  });
  return stdout.trim();
}

/** The other managers of then count no more, and the broker's data are here now. */
async function beginAgain(remote: Remote, facts: NodeFacts, { wanted, clock, signal }: Life): Promise<void> {
  const address = addressOf(firstManager(wanted), { facts: new Map([[remote.name, facts]]) });
  const body = { ListenAddr: '0.0.0.0:2377', AdvertiseAddr: address, ForceNewCluster: true };
  await askDocker(remote, { method: 'POST', path: '/swarm/init', body }, signal);
  const docker = dockerOf(remote, signal);
  const self = await docker.run(['info', '--format', '{{.Swarm.NodeID}}']);
  const nodesOnceItLeads = async () => {
    const nodes = await listNodes(docker).catch(() => []);
    const here = nodes.find(({ id }) => id === self);
    return here?.isReady && here.hostName === remote.name && nodes;
  };
  const nodes = await poll(nodesOnceItLeads, { clock, timeoutMs: readyMs, signal });
  if (!nodes)
    throw new BrambleError(
      'CONTROL_OFFLINE',
      `${remote.name} does not lead its Swarm after ${readyMs / 1000} s; see docker node ls there`,
    );
  for (const { id, labels } of nodes)
    if (id !== self && labels[brokerLabel] !== undefined)
      await docker.run(['node', 'update', '--label-rm', brokerLabel, id]);
  const update = ['node', 'update', '--availability', 'active', '--label-add', `${brokerLabel}=true`];
  await docker.run([...update, self]);
}
