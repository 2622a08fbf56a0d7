import { BrambleError, messageOf } from '../../src/support/errors.ts';
import type { Remote } from '../remote/remote.ts';
import { fingerprintLabel } from '../stack.ts';
import { countTasks, parseTask, taskFormat } from '../swarm-tasks.ts';
import type { NodeFacts } from './facts.ts';
import type { SwarmFacts, SwarmNode } from './phase.ts';

/**
 * `$1` is the label of our services, `$2` how a task is written. Each line says what it tells of: a node as Docker's API has it, a
 * service, or one of its tasks.
 */
const script = String.raw`
set -e
nodes=$(docker node ls --quiet)
docker node inspect --format '{{printf "node\t"}}{{json .}}' $nodes
services=$(docker service ls --quiet --filter "label=$1")
[ -n "$services" ] || exit 0
docker service ps --no-trunc --filter desired-state=running --filter desired-state=ready --format "{{printf \"task\t\"}}$2" $services
docker service inspect --format "{{printf \"service\t\"}}{{.Spec.Name}}{{\"\t\"}}{{index .Spec.Labels \"$1\"}}{{\"\t\"}}{{with .UpdateStatus}}{{.State}}{{end}}" $services
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
      reasons.push(messageOf(err).replace(/\.$/, ''));
      return undefined;
    });
    if (said !== undefined) return { clusterId, ...parseSwarm(said) };
  }
  if (managers.length === 0) return undefined;
  throw new BrambleError(
    'CONTROL_OFFLINE',
    `the Swarm cannot be asked, since too few of its managers run: ${reasons.join('; ')}. Nothing can be changed until more than half of them are back; what to do if they never come: docs/OPERATIONS.md, "A node is lost"`,
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
  const command = ['sh', '-s', fingerprintLabel, taskFormat];
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
  const tasks = of('task').map(([, ...fields]) => parseTask(fields));
  return {
    nodes: of('node').map(([, ...json]) => parseNode(JSON.parse(json.join('\t')))),
    services: of('service').map(([, name = '', fingerprint = '', update = '']) => ({
      ...{ name, fingerprint, update },
      ...countTasks(tasks, name),
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
