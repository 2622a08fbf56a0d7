import { addressOf, firstManager, swarmNodeOf } from '../../../provision/phases/roles.ts';
import { renderHealth } from '../../../provision/stack-health.ts';
import type { Cluster } from '../../../provision/up/phase.ts';
import type { UpOutcome } from '../../../provision/up/run-phases.ts';
import { findWarnings } from '../../../provision/up/warnings.ts';
import type { CliContext, JsonOption } from '../context.ts';
import { createPaint } from '../paint.ts';
import { printable, renderTable } from '../table.ts';
import { renderTook } from './render-took.ts';
import { withName } from './report.ts';

export interface Summary {
  readonly outcome: UpOutcome;
  readonly mode: 'act' | 'plan';
  readonly tookMs: number;
  /** Where Bramble runs on the cluster. */
  readonly gateway: string | undefined;
  /** Here, where its passwords were kept when they were made; they may be on another computer. */
  readonly passwordsFile: string | undefined;
}

export function printSummary(summary: Summary, flags: JsonOption, context: CliContext): void {
  const { stdout } = context;
  if (flags.json) return void stdout.write(`${JSON.stringify({ event: 'finished', ...toJson(summary) })}\n`);
  stdout.write(renderSummary(summary, createPaint(stdout, context.env)));
}

function toJson({ outcome, mode, tookMs, gateway, passwordsFile }: Summary): object {
  const { cluster, failures, steps } = outcome;
  return {
    ...{ mode, tookMs: Math.round(tookMs), steps: steps.length, nodes: nodesOf(outcome) },
    services: cluster.swarm?.services.map(({ name, running, wanted }) => ({ name, running, wanted })) ?? [],
    ...(gateway && { gateway, passwordsFile }),
    warnings: findWarnings(cluster),
    failures: [...failures].map(
      ([
        node,
        {
          phase,
          error: { code, message },
        },
      ]) => ({
        ...{ node, phase },
        error: { code, message },
      }),
    ),
  };
}

interface NodeLine {
  readonly name: string;
  readonly address: string;
  readonly role: string;
  readonly system: string;
  readonly docker: string;
  readonly state: string;
}

function nodesOf({ cluster, failures }: UpOutcome): NodeLine[] {
  return cluster.wanted.nodes.map((node) => {
    const facts = cluster.facts.get(node.name);
    const failure = failures.get(node.name);
    return {
      name: node.name,
      address: facts === undefined ? node.host : addressOf(node, cluster),
      role: node.role,
      system: facts === undefined ? '' : `${facts.os.prettyName}, ${facts.architecture}`,
      docker: facts?.docker?.version ?? '',
      state: failure === undefined ? stateOf(node.name, cluster) : `failed (${failure.phase})`,
    };
  });
}

function stateOf(name: string, { facts, swarm }: Cluster): string {
  const found = facts.get(name);
  if (found === undefined) return 'not asked';
  const member = swarmNodeOf(name, { facts, swarm });
  if (member === undefined) return 'not in the Swarm yet';
  return member.isReady ? 'ready' : 'not ready';
}

function renderSummary(summary: Summary, paint: ReturnType<typeof createPaint>): string {
  const { outcome, mode, gateway, passwordsFile } = summary;
  const { cluster, failures } = outcome;
  const rows = nodesOf(outcome).map((node) => Object.values<string>({ ...node }));
  const services = cluster.swarm?.services ?? [];
  const healths = services.map((service) => ({ ...service, update: '' }));
  const reasons = [...failures].map(([node, { error }]) => withName(node, error.message));
  return [
    `\n${headline(summary)}\n\n`,
    renderTable(['NODE', 'ADDRESS', 'ROLE', 'SYSTEM', 'DOCKER', 'STATE'], rows, 'no nodes'),
    ...(services.length > 0 ? [`\nRunning: ${renderHealth(healths)}\n`] : []),
    ...(gateway && mode === 'act'
      ? [renderGateway(gateway, passwordsFile, firstManager(cluster.wanted).name)]
      : []),
    ...findWarnings(cluster).map((warning) => `${paint('yellow', 'Warning:')} ${printable(warning)}\n`),
    ...reasons.map((reason) => `${paint('red', 'Failed:')} ${reason}\n`),
    ...(reasons.length > 0 && mode === 'act'
      ? ['When that is put right, bramble up goes on from here.\n']
      : []),
  ].join('');
}

function headline({ outcome: { steps, failures, cluster }, mode, tookMs }: Summary): string {
  const took = renderTook(tookMs);
  const count = `${steps.length} ${steps.length === 1 ? 'step' : 'steps'}`;
  if (mode === 'plan') {
    if (steps.length > 0) return `${count} to do: bramble up does them. Nothing was changed.`;
    return failures.size > 0 ? 'Nothing to do on the nodes that could be asked.' : 'Nothing to do.';
  }
  const { length } = cluster.wanted.nodes;
  if (failures.size > 0) return `${count} done in ${took}; ${failures.size} of ${length} nodes failed.`;
  if (steps.length === 0) return `Nothing to do: all is as bramble.yaml wants it (${took}).`;
  return `${count} done in ${took}.`;
}

/** `builder`: the node that a first function may be built on. */
function renderGateway(gateway: string, passwordsFile: string | undefined, builder: string): string {
  const password =
    passwordsFile === undefined
      ? 'its password is on the computer where it was made, in ~/.bramble/stacks'
      : `its password is in ${passwordsFile}`;
  return `Gateway: ${gateway}, and the same port of every other node; ${password}
Next:
  export BRAMBLE_GATEWAY=${gateway}
  bramble status
  bramble new --lang node hello && bramble ship --on ${builder}
`;
}
