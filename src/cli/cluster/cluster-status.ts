import type { Inventory, InventoryNode } from '../../../provision/inventory.ts';
import { addressOf, reached, swarmNodeOf } from '../../../provision/phases/roles.ts';
import { stackName } from '../../../provision/phases/stack.ts';
import type { NodeFacts } from '../../../provision/up/facts.ts';
import { type LastSeen, noteSeen, readLastSeen } from '../../../provision/up/last-seen.ts';
import type { Cluster } from '../../../provision/up/phase.ts';
import { readFacts } from '../../../provision/up/read-facts.ts';
import { readSwarm } from '../../../provision/up/read-swarm.ts';
import { type NodeVitals, readVitals, warnOfVitals } from '../../../provision/up/read-vitals.ts';
import { findWarnings } from '../../../provision/up/warnings.ts';
import { type BrambleError, toBrambleError } from '../../support/errors.ts';
import { type CliContext, type JsonOption, print } from '../context.ts';
import { createPaint } from '../paint.ts';
import { printable, renderAge, renderTable } from '../table.ts';
import { type Reaching, realReaching } from './reaching.ts';
import { sudoPasswordFor } from './read-cluster.ts';

/** `bramble status` of a whole cluster: each node is asked over SSH, all at once; who does not answer is shown as that. */
export async function printClusterStatus(
  inventory: Inventory,
  options: JsonOption,
  context: CliContext,
  parts: Reaching = realReaching,
): Promise<void> {
  const lastSeen = await readLastSeen(inventory.file);
  const { cluster, vitals, failures, trouble } = await look(inventory, options, context, parts);
  await noteSeen(inventory.file, [...cluster.facts.keys()], parts.clock.nowMs());
  const nodes = inventory.nodes.map((node) =>
    describe(node, { cluster, vitals: vitals.get(node.name), error: failures.get(node.name), lastSeen }),
  );
  const warnings = [
    ...(trouble === undefined ? [] : [trouble.message]),
    ...findWarnings(cluster),
    ...[...vitals].flatMap(([name, own]) => warnOfVitals(name, own)),
  ];
  const services = (cluster.swarm?.services ?? []).map(({ name, running, wanted }) => ({
    name,
    running,
    wanted,
  }));
  const worst = [...failures.values(), ...(trouble === undefined ? [] : [trouble])][0];
  if (worst !== undefined) context.setExit(worst.exit);
  print(context, options, { name: inventory.name, nodes, services, warnings }, () => {
    const paint = createPaint(context.stdout, context.env);
    const reasons = [...failures.values()].map(({ message }) => message);
    return [
      renderTable(
        titles,
        nodes.map((node) => rowOf(node, parts.clock.nowMs())),
        'no nodes',
      ),
      ...(services.length > 0 ? [`\n${services.map(renderService).join(', ')}\n`] : []),
      ...warnings.map((warning) => `${paint('yellow', 'Warning:')} ${printable(warning)}\n`),
      ...reasons.map((reason) => `${paint('red', 'Not reached:')} ${printable(reason)}\n`),
    ].join('');
  });
}

interface Seen {
  readonly cluster: Cluster;
  readonly vitals: ReadonlyMap<string, NodeVitals>;
  readonly failures: ReadonlyMap<string, BrambleError>;
  /** Of the Swarm as a whole. */
  readonly trouble: BrambleError | undefined;
}

async function look(
  inventory: Inventory,
  { json }: JsonOption,
  context: CliContext,
  { openRemotes, clock }: Reaching,
): Promise<Seen> {
  const { env, home, signal } = context;
  const asking = { ...context, json: json ?? false };
  const remotes = await openRemotes(inventory, {
    env,
    home,
    sudoPassword: sudoPasswordFor(inventory, asking),
  });
  const facts = new Map<string, NodeFacts>();
  const vitals = new Map<string, NodeVitals>();
  const failures = new Map<string, BrambleError>();
  try {
    const ask = async (name: string): Promise<void> => {
      const remote = remotes.byName.get(name);
      if (remote === undefined) return;
      try {
        await remote.connect({ signal });
        const [ofNow, itself] = await Promise.all([
          readVitals(remote, { service: `${stackName}_agent`, signal }),
          readFacts(remote, { clock, signal }),
        ]);
        vitals.set(name, ofNow);
        facts.set(name, itself);
      } catch (err) {
        signal.throwIfAborted();
        failures.set(name, toBrambleError(err));
      }
    };
    await Promise.all(inventory.nodes.map(({ name }) => ask(name)));
    let trouble: BrambleError | undefined;
    const swarm = await readSwarm(facts, remotes.byName, signal).catch((err: unknown) => {
      signal.throwIfAborted();
      trouble = toBrambleError(err);
      return undefined;
    });
    return { cluster: { wanted: inventory, facts, swarm }, vitals, failures, trouble };
  } finally {
    await remotes.close();
  }
}

interface Described {
  readonly cluster: Cluster;
  readonly vitals: NodeVitals | undefined;
  readonly error: BrambleError | undefined;
  readonly lastSeen: LastSeen;
}

function describe(node: InventoryNode, { cluster, vitals, error, lastSeen }: Described) {
  const facts = cluster.facts.get(node.name);
  const member = swarmNodeOf(node.name, cluster);
  const isAsked = reached(cluster).includes(node);
  return {
    name: node.name,
    address: isAsked ? addressOf(node, cluster) : node.host,
    role: member?.role ?? node.role,
    state: isAsked ? stateOf(member) : 'unreachable',
    model: facts?.model ?? '',
    os: facts?.os.prettyName ?? '',
    docker: facts?.docker?.version ?? '',
    ...(vitals && { vitals }),
    ...(error && { error: { code: error.code, message: error.message } }),
    ...(isAsked ? {} : { lastSeen: lastSeen[node.name] ?? null }),
  };
}

function stateOf(member: { readonly isReady: boolean; readonly availability: string } | undefined): string {
  if (member === undefined) return 'not in the Swarm';
  if (!member.isReady) return 'not ready';
  return member.availability === 'active' ? 'ready' : member.availability;
}

const titles = [
  'NODE',
  'ADDRESS',
  'ROLE',
  'STATE',
  'AGENT',
  'DOCKER',
  'LOAD',
  'MEMORY',
  'DISK',
  'UP',
  'SEEN',
];

function rowOf(node: ReturnType<typeof describe>, nowMs: number): string[] {
  const { vitals, lastSeen } = node;
  const percent = (ratio: number | undefined) => (ratio === undefined ? '' : `${Math.round(ratio * 100)} %`);
  const seen = typeof lastSeen === 'string' ? `${renderAge(nowMs - Date.parse(lastSeen))} ago` : 'never';
  return [
    ...[node.name, node.address, node.role, node.state],
    ...[vitals?.agent ?? '', node.docker],
    ...[percent(vitals?.loadRatio), percent(vitals?.memoryRatio), percent(vitals?.diskRatio)],
    vitals === undefined ? '' : renderAge(vitals.upMs),
    lastSeen === undefined ? 'now' : seen,
  ];
}

function renderService({ name, running, wanted }: { name: string; running: number; wanted: number }): string {
  return `${name} ${running}/${wanted}`;
}
