import type { Clock } from '../../src/support/clock.ts';
import { BrambleError } from '../../src/support/errors.ts';
import { flashIdFile } from '../customise/first-boot-script.ts';
import { registryPlaces, registryPort } from '../registry/places.ts';
import type { Remote } from '../remote/remote.ts';
import type { DockerFacts, DockerPackage, NodeFacts, RegistryFacts } from './facts.ts';

/**
 * One line a fact, `name<TAB>value`; a name may come more than once. Only reads, and never fails: what a machine does not have
 * it does not tell.
 */
const script = String.raw`
say() { printf '%s\t%s\n' "$1" "$2"; }
say clockMs "$(date +%s%3N)"
say architecture "$(dpkg --print-architecture 2>/dev/null)"
. /etc/os-release
say osId "$ID"
say codename "$VERSION_CODENAME"
say prettyName "$PRETTY_NAME"
# What /proc/device-tree leads to
model=/sys/firmware/devicetree/base/model
[ -r "$model" ] && say model "$(tr -d '\0' <"$model")"
say hostName "$(hostname)"
# Docker's bridges have the same addresses on every node
ip -oneline address show up scope global | while read -r _ device _ address _; do
  case $device in docker* | br-* | veth*) ;; *) say address "$(echo "$address" | cut -d/ -f1)" ;; esac
done
say memoryKilobytes "$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
df -Pk /var/lib | {
  read -r _
  read -r _ _ used free _
  say diskUsedKilobytes "$used"
  say diskFreeKilobytes "$free"
}
if [ -r /sys/fs/cgroup/cgroup.controllers ]; then
  grep -qw memory /sys/fs/cgroup/cgroup.controllers && say cgroup memory
else
  grep -q '^memory.*1$' /proc/cgroups && say cgroup memory
fi
say bootId "$(cat /proc/sys/kernel/random/boot_id)"
[ -r "$1" ] && say flashId "$(cat "$1")"
for file in /sys/bus/w1/devices/28-*; do [ -e "$file" ] && say hardware ds18b20; done
for file in /sys/bus/iio/devices/*/name; do [ -r "$file" ] && say hardware "$(cat "$file")"; done
for file in /sys/class/gpio/gpiochip*; do [ -e "$file" ] && say hardware gpio; done
if command -v docker >/dev/null; then
  say dockerVersion "$(docker --version | sed 's/^Docker version \([^,]*\).*/\1/')"
  say dockerInfo "$(docker info --format '{{json .}}' 2>/dev/null)"
  dpkg-query --show --showformat "\${Package} \${Version} \${db:Status-Want} \${db:Status-Status}\n" docker.io docker-ce 2>/dev/null |
    sed -n 's/ installed$//p' | while read -r package; do say dockerPackage "$package"; done
fi
served=$2/served images=$3/docker/registry/v2/repositories
lasts() { openssl x509 -noout -checkend 2592000 -in "$1" >/dev/null 2>&1; }
if [ -r "$served" ] && systemctl is-active --quiet docker-registry && lasts "$2/server.crt"; then
  say registryServed "$(cat "$served")"
  say registryAuthority "$(sha256sum <"$2/ca.crt" | cut -c 1-64)"
  for tag in "$images"/*/_manifests/tags/*/current/link; do
    [ -e "$tag" ] && say registryImage "$(echo "$tag" | sed "s,^$images/,,; s,/_manifests/tags/,:,; s,/current/link$,,")"
  done
fi
for folder in "$4"/*/; do
  lasts "$folder/client.cert" &&
    say registryTrusted "$(basename "$folder") $(sha256sum <"$folder/ca.crt" | cut -c 1-64)"
done
docker image ls --filter "reference=*:$5/*" --format '{{.Repository}}:{{.Tag}}' 2>/dev/null | grep -v ':<none>$' |
  while read -r image; do say image "$image"; done
say end .
`;

export interface ReadFactsOptions {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly signal: AbortSignal;
}

/** Reads everything in one go, as root. Rejects REMOTE_FAILED where no Debian answers. */
export async function readFacts(remote: Remote, { clock, signal }: ReadFactsOptions): Promise<NodeFacts> {
  const sentMs = clock.nowMs();
  const { stdout } = await remote.run(
    [
      ...['sh', '-s', flashIdFile, registryPlaces.folder, registryPlaces.data, registryPlaces.certificates],
      String(registryPort),
    ],
    { as: 'root', stdin: script, signal },
  );
  // The clock is read when the connection has brought the script, near the end of the way there and back.
  return parseFacts(stdout, { sentMs, receivedMs: clock.nowMs(), name: remote.name });
}

interface Asked {
  readonly name: string;
  readonly sentMs: number;
  readonly receivedMs: number;
}

export function parseFacts(text: string, { name, sentMs, receivedMs }: Asked): NodeFacts {
  const said = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [key = '', value = ''] = line.split('\t', 2);
    if (value !== '') said.set(key, [...(said.get(key) ?? []), value]);
  }
  const last = (key: string) => said.get(key)?.at(-1) ?? '';
  if (!said.has('end') || last('architecture') === '')
    throw new BrambleError(
      'REMOTE_FAILED',
      `${name} is no Debian that answers as expected; is it Raspberry Pi OS?`,
    );
  return {
    architecture: last('architecture'),
    os: { id: last('osId'), codename: last('codename'), prettyName: last('prettyName') },
    model: last('model'),
    hostName: last('hostName'),
    addresses: said.get('address') ?? [],
    memoryBytes: Number(last('memoryKilobytes')) * 1024,
    diskUsedBytes: Number(last('diskUsedKilobytes')) * 1024,
    diskFreeBytes: Number(last('diskFreeKilobytes')) * 1024,
    hasMemoryCgroup: said.has('cgroup'),
    clockOffsetMs: offset(Number(last('clockMs')), sentMs, receivedMs),
    bootId: last('bootId'),
    flashId: said.get('flashId')?.at(-1),
    hardware: [...new Set(said.get('hardware'))],
    docker: said.has('dockerVersion')
      ? {
          ...parseDocker(last('dockerVersion'), last('dockerInfo')),
          package: parsePackage(last('dockerPackage')),
        }
      : undefined,
    images: said.get('image') ?? [],
    registry: parseRegistry(said),
  };
}

function parseRegistry(said: ReadonlyMap<string, readonly string[]>): RegistryFacts {
  const [address = '', revision = ''] = said.get('registryServed')?.[0]?.split(' ') ?? [];
  return {
    served:
      address === ''
        ? undefined
        : {
            ...{ address, revision, authority: said.get('registryAuthority')?.[0] ?? '' },
            images: said.get('registryImage') ?? [],
          },
    trusted: Object.fromEntries(
      (said.get('registryTrusted') ?? []).map((line) => {
        const [trusted = '', authority = ''] = line.split(' ');
        return [trusted, authority];
      }),
    ),
  };
}

/** How far a clock is off at least: what lies between question and answer may be the way. */
function offset(theirsMs: number, sentMs: number, receivedMs: number): number {
  if (theirsMs < sentMs) return theirsMs - sentMs;
  return Math.max(0, theirsMs - receivedMs);
}

/** `docker.io 20.10.24+dfsg1-1 hold`, as dpkg-query(1) has it. */
function parsePackage(text: string): DockerPackage | undefined {
  const [name, version, wish] = text.split(' ');
  if (version === undefined) return undefined;
  return { source: name === 'docker-ce' ? 'docker' : 'debian', version, isHeld: wish === 'hold' };
}

function parseDocker(version: string, info: string): Omit<DockerFacts, 'package'> {
  const said = parseInfo(info);
  const swarm = said?.Swarm;
  return {
    version: said?.ServerVersion || version,
    isRunning: (said?.ServerVersion ?? '') !== '',
    insecureRegistries: Object.values(said?.RegistryConfig?.IndexConfigs ?? {})
      .filter(({ Secure }) => Secure === false)
      .map(({ Name }) => Name),
    swarm: {
      state: swarm?.LocalNodeState || 'inactive',
      nodeId: swarm?.NodeID ?? '',
      clusterId: swarm?.Cluster?.ID ?? '',
      isManager: swarm?.ControlAvailable ?? false,
      address: swarm?.NodeAddr ?? '',
    },
  };
}

/** What `docker info` prints of it, as far as we ask; Docker's API has it as SystemInfo. */
interface DockerInfo {
  readonly ServerVersion?: string;
  readonly RegistryConfig?: {
    readonly IndexConfigs?: Readonly<Record<string, { readonly Name: string; readonly Secure: boolean }>>;
  };
  readonly Swarm?: {
    readonly LocalNodeState?: DockerFacts['swarm']['state'] | '';
    readonly NodeID?: string;
    readonly NodeAddr?: string;
    readonly ControlAvailable?: boolean;
    readonly Cluster?: { readonly ID?: string };
  };
}

function parseInfo(text: string): DockerInfo | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined; // the daemon does not answer
  }
}
