import type { Remote } from '../remote/remote.ts';

/** How a node is doing at this moment. */
export interface NodeVitals {
  /** Of all processors: 1 is all that they can do. */
  readonly loadRatio: number;
  readonly memoryRatio: number;
  readonly diskRatio: number;
  readonly upMs: number;
  /** `undefined` where the firmware does not tell, as on what is no Pi. */
  readonly power: PowerVitals | undefined;
  /** The agent's container in Docker's words: `Up 3 hours`; empty where there is none. */
  readonly agent: string;
}

export interface PowerVitals {
  readonly isLow: boolean;
  readonly wasLow: boolean;
  /** Slowed down, for want of power or for heat. */
  readonly isThrottled: boolean;
}

/** `$1` is the agent's service. One line each, `name<TAB>value`. */
const script = String.raw`
say() { printf '%s\t%s\n' "$1" "$2"; }
say load "$(cut -d' ' -f1 /proc/loadavg)"
say processors "$(nproc)"
say upSeconds "$(cut -d' ' -f1 /proc/uptime)"
say memoryTotal "$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
say memoryFree "$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
df -Pk /var/lib | { read -r _; read -r _ _ used free _; say diskUsed "$used"; say diskFree "$free"; }
throttled=/sys/devices/platform/soc/soc:firmware/get_throttled
[ -r "$throttled" ] && say throttled "$(cat "$throttled")"
command -v docker >/dev/null &&
  say agent "$(docker ps --all --latest --filter "label=com.docker.swarm.service.name=$1" --format '{{.Status}}' 2>/dev/null)"
exit 0
`;

export interface ReadVitalsOptions {
  /** The agent's service: `bramble_agent`. */
  readonly service: string;
  readonly signal: AbortSignal;
}

export async function readVitals(
  remote: Remote,
  { service, signal }: ReadVitalsOptions,
): Promise<NodeVitals> {
  const { stdout } = await remote.run(['sh', '-s', service], { as: 'root', stdin: script, signal });
  return parseVitals(stdout);
}

export function parseVitals(text: string): NodeVitals {
  const said = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [key = '', value = ''] = line.split('\t', 2);
    said.set(key, value);
  }
  const number = (key: string) => Number(said.get(key) ?? 0);
  const share = (part: number, whole: number) => (whole > 0 ? part / whole : 0);
  const memoryTotal = number('memoryTotal');
  const diskUsed = number('diskUsed');
  const throttled = said.get('throttled');
  return {
    loadRatio: share(number('load'), number('processors')),
    memoryRatio: share(memoryTotal - number('memoryFree'), memoryTotal),
    diskRatio: share(diskUsed, diskUsed + number('diskFree')),
    upMs: number('upSeconds') * 1000,
    power: throttled === undefined ? undefined : parsePower(Number.parseInt(throttled, 16)),
    agent: said.get('agent') ?? '',
  };
}

/** Bits as the firmware has them: Raspberry Pi documentation, vcgencmd, get_throttled. */
function parsePower(bits: number): PowerVitals {
  const isSet = (bit: number) => (bits & (1 << bit)) !== 0;
  return { isLow: isSet(0), wasLow: isSet(16), isThrottled: isSet(2) };
}

/** What of it somebody should see to; what the disk needs is told by the node's facts. */
export function warnOfVitals(name: string, { power }: Pick<NodeVitals, 'power'>): string[] {
  return [
    ...(power?.isLow ? [`${name} has too little voltage now; give it another power supply or cable`] : []),
    ...(power?.wasLow && !power.isLow
      ? [`${name} had too little voltage since it was switched on; look at its power supply and cable`]
      : []),
    ...(power?.isThrottled ? [`${name} runs slower than it could, for want of power or for heat`] : []),
  ];
}
