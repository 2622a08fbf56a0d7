import { BrambleError, messageOf } from '../../src/support/errors.ts';
import type { Remote } from '../remote/remote.ts';
import { fingerprintLabel } from '../stack.ts';
import type { NodeFacts } from './facts.ts';
import type { StackService, SwarmFacts, SwarmNode } from './phase.ts';

/** `$1` is the label of our services. Each line says what it tells of: a node as Docker's API has it, or a service. */
const script = String.raw`
set -e
docker node inspect --format '{{printf "node\t"}}{{json .}}' $(docker node ls --quiet)
services=$(docker service ls --quiet --filter "label=$1")
[ -n "$services" ] || exit 0
docker service ls --filter "label=$1" --format '{{printf "replicas\t"}}{{.Name}}{{"\t"}}{{.Replicas}}'
docker service inspect --format "{{printf \"fingerprint\t\"}}{{.Spec.Name}}{{\"\t\"}}{{index .Spec.Labels \"$1\"}}" $services
`;

/**
 * Asks the first manager that answers. `undefined` where no node that was reached is a manager. Rejects CONTROL_OFFLINE when there
 * are managers and none answers, and CONFLICT when they are not of one Swarm: who took that for no Swarm would begin another.
 */
export async function readSwarm(
  facts: ReadonlyMap<string, NodeFacts>,
  remotes: ReadonlyMap<string, Remote>,
  signal: AbortSignal,
): Promise<SwarmFacts | undefined> {
  const managers = findManagers(facts);
  refuseTwoSwarms(managers);
  const reasons: string[] = [];
  for (const { name, clusterId } of managers) {
    const said = await ask(remotes.get(name), signal).catch((err: unknown) => {
      signal.throwIfAborted();
      reasons.push(messageOf(err));
      return undefined;
    });
    if (said !== undefined) return { clusterId, ...parseSwarm(said) };
  }
  if (managers.length === 0) return undefined;
  throw new BrambleError(
    'CONTROL_OFFLINE',
    `the Swarm cannot be asked, since too few of its managers run: ${reasons.join('; ')}. Nothing can be changed until more than half of them are back`,
  );
}

interface Manager {
  readonly name: string;
  readonly clusterId: string;
}

function findManagers(facts: ReadonlyMap<string, NodeFacts>): readonly Manager[] {
  return [...facts].flatMap(([name, { docker }]) =>
    docker?.swarm.state === 'active' && docker.swarm.isManager
      ? [{ name, clusterId: docker.swarm.clusterId }]
      : [],
  );
}

/** A manager without a majority does not know its Swarm's id. */
function refuseTwoSwarms(managers: readonly Manager[]): void {
  const known = managers.filter(({ clusterId }) => clusterId !== '');
  const other = known.find(({ clusterId }) => clusterId !== known[0]?.clusterId);
  if (known[0] === undefined || other === undefined) return;
  const names = [known[0].name, other.name];
  throw new BrambleError(
    'CONFLICT',
    `${names.join(' and ')} are managers of two Swarms. Choose which goes, and take its managers out: bramble ssh ${other.name} -- sudo docker swarm leave --force`,
  );
}

async function ask(remote: Remote | undefined, signal: AbortSignal): Promise<string | undefined> {
  const command = ['sh', '-s', fingerprintLabel];
  const said = await remote?.run(command, { as: 'root', stdin: script, signal });
  return said?.stdout;
}

/** What Docker's API calls Node, as far as we ask. */
interface DockerNode {
  readonly ID: string;
  readonly Spec: {
    readonly Role: 'manager' | 'worker';
    readonly Availability: SwarmNode['availability'];
    readonly Labels?: Readonly<Record<string, string>>;
  };
  readonly Description: { readonly Hostname: string };
  readonly Status: { readonly State: string; readonly Addr?: string };
  readonly ManagerStatus?: { readonly Reachability?: string; readonly Addr?: string };
}

export function parseSwarm(text: string): Pick<SwarmFacts, 'nodes' | 'services'> {
  const lines = text.split('\n').map((line) => line.split('\t'));
  const of = (kind: string) => lines.filter(([first]) => first === kind);
  const fingerprints = new Map(of('fingerprint').map(([, name = '', value = '']) => [name, value]));
  return {
    nodes: of('node').map(([, ...json]) => parseNode(JSON.parse(json.join('\t')))),
    services: of('replicas').map(([, name = '', replicas = '']) => ({
      ...parseReplicas(replicas),
      name,
      fingerprint: fingerprints.get(name) ?? '',
    })),
  };
}

function parseNode({ ID, Spec, Description, Status, ManagerStatus }: DockerNode): SwarmNode {
  return {
    id: ID,
    hostName: Description.Hostname,
    // A manager that was promoted late may show 0.0.0.0 here, and its address there.
    address: ManagerStatus?.Addr?.replace(/:\d+$/, '') ?? Status.Addr ?? '',
    role: Spec.Role,
    isReady: Status.State === 'ready',
    isReachable: ManagerStatus?.Reachability === 'reachable',
    availability: Spec.Availability,
    labels: Spec.Labels ?? {},
  };
}

/** `2/3`; of some modes more is said behind it. */
function parseReplicas(text: string): Pick<StackService, 'running' | 'wanted'> {
  const [, running = '0', wanted = '0'] = /^(\d+)\/(\d+)/.exec(text) ?? [];
  return { running: Number(running), wanted: Number(wanted) };
}
