import type { Duplex } from 'node:stream';
import { BrambleError } from '../../src/support/errors.ts';
import type { Remote } from '../remote/remote.ts';
import { runDetached } from '../remote/run-detached.ts';
import { stagingFolder } from './places.ts';

const longestMs = 600_000;

/** `$1` is our folder. Docker stands still for the copy only; if we are ended meanwhile, systemd starts it again. */
const swarmScript = `
set -eu
umask 077
root=$(docker info --format '{{.DockerRootDir}}')
rm -rf "$1"
mkdir -p "$1"
systemd-run --quiet --unit bramble-docker-back --on-active 5min systemctl start docker
trap 'systemctl start docker; systemctl stop bramble-docker-back.timer' EXIT
systemctl stop docker.socket docker
cp -a "$root/swarm" "$1/swarm"
trap - EXIT
systemctl start docker
systemctl stop bramble-docker-back.timer
tar -C "$1" -czf "$1/swarm.tar.gz" swarm
rm -r "$1/swarm"
`;

/** `$1` is our folder, `$2` the volume, `$3` the service. Mosquitto writes its state when it is told so (mosquitto(8), SIGUSR1). */
const brokerScript = `
set -eu
umask 077
mkdir -p "$1"
path=$(docker volume inspect --format '{{.Mountpoint}}' "$2")
touch "$1/began"
for container in $(docker ps --quiet --filter "label=com.docker.swarm.service.name=$3"); do
  docker kill --signal USR1 "$container" >/dev/null
  for attempt in $(seq 50); do
    [ "$path/mosquitto.db" -nt "$1/began" ] && break
    sleep 0.1
  done
done
tar -C "$path" -czf "$1/broker.tar.gz" .
rm "$1/began"
`;

export interface Part {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly remote: Remote;
}

type Signalled = { readonly signal: AbortSignal };

/** The Swarm's state, as a manager has it. Docker stands still there for some seconds, and with it what runs on that node. */
export async function snapshotSwarm(remote: Remote, { signal }: Signalled): Promise<Part> {
  const options = { script: swarmScript, args: [stagingFolder], timeoutMs: longestMs, signal };
  await runDetached(remote, { name: 'backup-swarm', ...options });
  return measure(remote, 'swarm.tar.gz', { signal });
}

/** What the broker keeps. It goes on meanwhile. */
export async function snapshotBroker(
  remote: Remote,
  stackName: string,
  { signal }: Signalled,
): Promise<Part> {
  const args = [stagingFolder, `${stackName}_mosquitto`, `${stackName}_mosquitto`];
  await runDetached(remote, {
    name: 'backup-broker',
    script: brokerScript,
    args,
    timeoutMs: longestMs,
    signal,
  });
  return measure(remote, 'broker.tar.gz', { signal });
}

async function measure(remote: Remote, path: string, { signal }: Signalled): Promise<Part> {
  const script = 'wc -c <"$1" && sha256sum <"$1"';
  const { stdout } = await remote.run(['sh', '-s', `${stagingFolder}/${path}`], {
    ...{ as: 'root', stdin: script, timeoutMs: longestMs, signal },
  });
  const [bytes = '', sha256 = ''] = stdout.split('\n');
  return { path, bytes: Number(bytes), sha256: sha256.slice(0, 64), remote };
}

export function openPart({ remote, path }: Part, { signal }: Signalled): Promise<Duplex> {
  return remote.pipe(['cat', `${stagingFolder}/${path}`], { as: 'root', signal });
}

/** Whatever came of it. */
export async function removeStaging(remote: Remote, { signal }: Signalled): Promise<void> {
  await remote.run(['rm', '-rf', stagingFolder], { as: 'root', signal });
}

export function incomplete({ remote, path }: Part): BrambleError {
  return new BrambleError('REMOTE_FAILED', `${remote.name}: ${path} did not arrive as it was; try again`);
}
