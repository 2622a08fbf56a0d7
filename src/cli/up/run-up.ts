import { dirname, resolve } from 'node:path';
import { readAgentConfig } from '../../../provision/agent-config.ts';
import { findImages } from '../../../provision/agent-image/image-source.ts';
import { chooseAgentImage, type Inventory } from '../../../provision/inventory.ts';
import { allPhases } from '../../../provision/phases/all-phases.ts';
import { gatewayOf, isDeployed, stackName } from '../../../provision/phases/stack.ts';
import type { VerifyWish } from '../../../provision/phases/verify.ts';
import type { Remote } from '../../../provision/remote/remote.ts';
import { noteSeen } from '../../../provision/up/last-seen.ts';
import type { Phase } from '../../../provision/up/phase.ts';
import { lockProject } from '../../../provision/up/project-lock.ts';
import { reach } from '../../../provision/up/reach.ts';
import { readFacts } from '../../../provision/up/read-facts.ts';
import { readSwarm } from '../../../provision/up/read-swarm.ts';
import { type ReachContext, runPhases, type UpOutcome } from '../../../provision/up/run-phases.ts';
import { internalTopics, topics } from '../../events/topics.ts';
import { BrambleError, toBrambleError } from '../../support/errors.ts';
import { isThere } from '../../support/is-there.ts';
import { askConfirmation } from '../cluster/confirm-key.ts';
import { type Reaching, realReaching } from '../cluster/reaching.ts';
import { chooseNodes, readCluster, sudoPasswordFor } from '../cluster/read-cluster.ts';
import type { CliContext, JsonOption } from '../context.ts';
import { keepPasswords, passwordsFile } from '../stack-passwords.ts';
import { openReport, type UpReport } from './report.ts';
import { printSummary } from './summary.ts';

export interface UpFlags extends JsonOption {
  readonly config: string;
  readonly dryRun?: boolean;
  readonly only?: readonly string[];
  readonly limit?: readonly string[];
  readonly wait: number;
  readonly width: number;
  readonly verbose?: boolean;
  /** In place of the one in the file; a path is seen from here. */
  readonly agentImage?: string | undefined;
  /** Nothing is begun after a phase that failed on a node, where the other nodes are brought up else. */
  readonly isCautious?: boolean;
  /** Called when the cluster runs what is wanted, as soon as that is so: what comes after may fail. */
  readonly onDeployed?: () => Promise<void>;
}

/** `bramble up`: the cluster of bramble.yaml, as it is there. */
export async function runUp(
  flags: UpFlags,
  context: CliContext,
  parts: Reaching = realReaching,
): Promise<UpOutcome> {
  const inventory = withAgentImage(readCluster(flags, context), flags.agentImage);
  const limit = flags.limit && new Set(chooseNodes(inventory, flags.limit).map(({ name }) => name));
  const { config, text: agentConfig } = readAgentConfig(inventory.file);
  const wish = {
    ...{ config, agentConfig, internalTopics, topics },
    images: await findImages(inventory.agent, dirname(context.functionsDir)),
    onDeployed: flags.onDeployed,
    keepPasswords: async (passwords, place) => {
      await keepPasswords(passwords, { ...place, stackName, user: config.gateway.user }, context);
    },
  } satisfies VerifyWish;
  const chosen = choosePhases(allPhases(wish), flags.only);
  const phases = flags.isCautious ? chosen.map((phase) => ({ ...phase, isDecisive: true })) : chosen;
  const unlock = flags.dryRun ? async () => {} : await lockProject(inventory.file);
  const report = openReport(context, {
    clock: parts.clock,
    json: flags.json ?? false,
    isVerbose: flags.verbose ?? false,
    isPlan: flags.dryRun ?? false,
  });
  const mode = flags.dryRun ? 'plan' : 'act';
  try {
    const startedMs = parts.clock.monotonicMs();
    const outcome = await go({ inventory, phases, flags, context, report, parts, mode, limit });
    report.end();
    const { cluster, failures, steps } = outcome;
    const hadSteps = steps.some(({ phase }) => phase === 'stack');
    if (mode === 'act' && !hadSteps && isDeployed(wish, cluster)) await flags.onDeployed?.();
    await noteSeen(inventory.file, [...cluster.facts.keys()], parts.clock.nowMs());
    const file = passwordsFile({ stackName, clusterId: cluster.swarm?.clusterId ?? '' }, context);
    printSummary(
      {
        ...{ outcome, mode },
        tookMs: parts.clock.monotonicMs() - startedMs,
        gateway: (cluster.swarm?.services.length ?? 0) > 0 ? gatewayOf(cluster) : undefined,
        passwordsFile: (await isThere(file)) ? file : undefined,
      },
      flags,
      context,
    );
    const [first] = failures.values();
    if (first !== undefined) context.setExit(first.error.exit);
    return outcome;
  } catch (err) {
    report.end();
    if (context.signal.aborted && mode === 'act')
      report.say('bramble: stopped; what was done stays, and bramble up goes on from here');
    throw err;
  } finally {
    await unlock();
  }
}

function withAgentImage(inventory: Inventory, image: string | undefined): Inventory {
  if (image === undefined) return inventory;
  return {
    ...inventory,
    agent: { ...inventory.agent, image: chooseAgentImage(image, (path) => resolve(path)) },
  };
}

interface Going {
  readonly inventory: Inventory;
  readonly phases: readonly Phase[];
  readonly flags: UpFlags;
  readonly context: CliContext;
  readonly report: UpReport;
  readonly parts: Reaching;
  readonly mode: 'act' | 'plan';
  readonly limit: ReadonlySet<string> | undefined;
}

async function go({ inventory, flags, context, report, parts, ...rest }: Going): Promise<UpOutcome> {
  const { clock } = parts;
  const { signal } = context;
  context.holdExit();
  const stopping = () => report.say('stopping when what has begun is done; Ctrl-C again stops at once');
  signal.addEventListener('abort', stopping, { once: true });
  const remotes = await parts.openRemotes(inventory, {
    home: context.home,
    env: context.env,
    sudoPassword: sudoPasswordFor(inventory, { ...context, json: flags.json ?? false, hold: report.hold }),
  });
  try {
    return await runPhases({
      ...{ wanted: inventory, clock, signal, ...rest },
      width: flags.width,
      remotes: remotes.byName,
      observe: report.observe,
      reach: reachOrAsk({ inventory, flags, context, report, parts }),
      readFacts: (remote, signal) => readFacts(remote, { clock, signal }),
      readSwarm,
    });
  } finally {
    signal.removeEventListener('abort', stopping);
    await remotes.close();
  }
}

/** On a terminal an unknown key can be confirmed on the way. */
function reachOrAsk({
  inventory,
  flags,
  context,
  report,
  parts: { clock },
}: Omit<Going, 'phases' | 'mode' | 'limit'>) {
  let asked: Promise<unknown> = Promise.resolve();
  return async (remote: Remote, reaching: ReachContext): Promise<void> => {
    const options = { ...reaching, clock, waitMs: flags.wait * 1000 };
    try {
      await reach(remote, options);
    } catch (err) {
      const mayAsk = context.stdin.isTTY === true && !flags.json;
      const node = inventory.nodes.find(({ name }) => name === remote.name);
      if (!mayAsk || node === undefined || toBrambleError(err).code !== 'HOST_KEY_UNKNOWN') throw err;
      // One question after the other.
      const answered = asked.then(() => report.hold(() => askConfirmation(inventory, node, context)));
      asked = answered.catch(() => {});
      await answered;
      await reach(remote, options);
    }
  };
}

function choosePhases(phases: readonly Phase[], only: UpFlags['only']): readonly Phase[] {
  if (only === undefined) return phases;
  const names = phases.map(({ name }) => name);
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new BrambleError(
      'INVALID',
      `there is no phase ${unknown.join(', ')}; there are ${names.join(', ')}`,
    );
  return phases.filter(({ name }) => only.includes(name));
}
