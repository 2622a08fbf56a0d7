import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeHostKey } from '../../../provision/customise/host-keys.ts';
import { findTarget, nameOfTarget, openTarget, type Target } from '../../../provision/disk/target.ts';
import {
  type FlashEvent,
  type FlashJob,
  flashBatch,
  sshHostsOf,
} from '../../../provision/flash/flash-batch.ts';
import { type Places, placeNodes } from '../../../provision/flash/place-nodes.ts';
import { type Credentials, deriveCredentials, setUpNode } from '../../../provision/flash/set-up-node.ts';
import type { Image } from '../../../provision/image/image.ts';
import { openImage } from '../../../provision/image/open-image.ts';
import { type Inventory, type InventoryNode, loadInventory } from '../../../provision/inventory.ts';
import { knownHostsOf } from '../../../provision/project-folder.ts';
import { readSecrets } from '../../../provision/secrets.ts';
import { systemClock } from '../../support/clock.system.ts';
import { BrambleError } from '../../support/errors.ts';
import type { CliContext } from '../context.ts';
import { askHidden } from '../input.ts';
import {
  type Asking,
  awaitCard,
  checkTarget,
  chooseDisk,
  confirm,
  type NamedTarget,
  refuseSharing,
} from './ask-targets.ts';
import { dryRun } from './dry-run.ts';
import { type FlashFlags, imageOptions } from './flags.ts';
import { listTargets } from './list-targets.ts';
import { type FlashReport, openReport } from './report.ts';
import { type Outcome, renderSummary } from './summary.ts';

/** More would make readers on one bus slower, not the whole faster. */
const maxSideBySide = 8;

/** `bramble flash`: where to, what with, who agrees; then the cards. Everything but the next card is asked before anything is written. */
export async function runFlash(
  names: readonly string[],
  flags: FlashFlags,
  context: CliContext,
): Promise<void> {
  if (flags.list) return listTargets(flags, context);
  const inventory = loadInventory({ file: flags.config, home: context.home });
  const placing = { names, to: flags.to, disks: flags.disk };
  if (flags.dryRun) return dryRun(inventory, placing, { flags, context });
  const json = flags.json ?? false;
  const report = openReport(context, { clock: systemClock, json });
  const mayAsk = context.stdin.isTTY === true && !json;
  const asking: Asking = {
    ...{ context, mayAsk },
    isAgreed: flags.yes ?? false,
    say: (sentence) => report.say(sentence),
  };
  const places = placeNodes(inventory, placing);
  const options = imageOptions(inventory, flags, context);
  const limits = { ...(flags.maxSize !== undefined && { maxBytes: flags.maxSize }) };
  const first = await findFirst(places, asking, limits);
  const secrets = await readSecrets(
    { ...inventory, nodes: nodesOf(places) },
    { env: context.env, ask: mayAsk ? (question) => askHidden(question, context) : undefined },
  );
  await confirm(first, asking);
  context.holdExit();
  const image = await openImage({ ...options, onProgress: report.downloading });
  report.end();
  for (const remark of image.remarks) asking.say(remark);
  const run: Run = {
    ...{ inventory, image, report, asking, limits },
    credentials: deriveCredentials(inventory, secrets),
    outcomes: [],
  };
  try {
    if (places.kind === 'apart') await flashApart(run, first);
    else await flashInTurn(run, places.nodes, first);
  } finally {
    finish(run, { json }); // also when somebody stops before the last card
  }
}

interface Run {
  readonly inventory: Inventory;
  readonly image: Image;
  readonly report: FlashReport;
  readonly asking: Asking;
  readonly limits: { readonly maxBytes?: number };
  readonly credentials: Credentials;
  readonly outcomes: Outcome[];
}

function nodesOf(places: Places): readonly InventoryNode[] {
  return places.kind === 'apart' ? places.places.map(({ node }) => node) : places.nodes;
}

/** The targets that are there from the beginning: all of them, or the first card. */
async function findFirst(
  places: Places,
  asking: Asking,
  limits: Run['limits'],
): Promise<readonly NamedTarget[]> {
  const limit = { ...limits, imageBytes: undefined, say: asking.say };
  const paths =
    places.kind === 'apart'
      ? places.places.map(({ node, path }) => ({ node: node.name, path }))
      : await firstCard(places, asking, limits);
  const targets: NamedTarget[] = [];
  for (const { node, path } of paths) targets.push({ node, target: await findTarget(path, asking.context) });
  refuseSharing(targets);
  for (const { target } of targets) checkTarget(target, limit);
  if (places.kind === 'in turn')
    for (const { target } of targets)
      if (target.kind === 'file')
        throw new BrambleError('INVALID', `${target.path} is no disk; for image files there is --to`);
  return targets;
}

async function firstCard(
  { nodes, path }: Extract<Places, { kind: 'in turn' }>,
  asking: Asking,
  limits: Run['limits'],
): Promise<{ node: string; path: string }[]> {
  const [first, second] = nodes;
  if (path !== undefined && second !== undefined && !asking.mayAsk)
    throw new BrambleError(
      'INVALID',
      `one card after the other needs a terminal; flash one node at a time, or give each its disk: --disk ${second.name}=/dev/…`,
    );
  if (first === undefined) return [];
  return [
    { node: first.name, path: path ?? (await chooseDisk(asking, { ...limits, imageBytes: undefined })) },
  ];
}

async function flashApart(run: Run, targets: readonly NamedTarget[]): Promise<void> {
  for (let at = 0; at < targets.length; at += maxSideBySide)
    await flashTargets(run, targets.slice(at, at + maxSideBySide));
}

/** Into one reader. A card that fails does not stop those after it. */
async function flashInTurn(
  run: Run,
  nodes: readonly InventoryNode[],
  targets: readonly NamedTarget[],
): Promise<void> {
  await flashTargets(run, targets);
  const [first] = targets;
  let before = first?.node ?? '';
  for (const { name: node } of nodes.slice(1)) {
    if (first === undefined || run.asking.context.signal.aborted) return;
    const limits = { ...run.limits, imageBytes: run.image.sizeBytes };
    const target = await awaitCard({ node, path: nameOfTarget(first.target), before }, run.asking, limits);
    await confirm([{ node, target }], run.asking);
    await flashTargets(run, [{ node, target }]);
    before = node;
  }
}

async function flashTargets(run: Run, targets: readonly NamedTarget[]): Promise<void> {
  const { inventory, image, report, asking, outcomes } = run;
  const jobs = targets.map((target) => jobFor(run, target));
  const onEvent = (event: FlashEvent): void => {
    if (event.kind !== 'progress') outcomes.push(event);
    report.show(event);
  };
  const { signal } = asking.context;
  await flashBatch(jobs, { image, knownHosts: knownHostsOf(inventory.file), onEvent, signal });
  report.end();
}

function jobFor(
  { inventory, image, asking, limits, credentials }: Run,
  { node, target }: NamedTarget,
): FlashJob {
  const wanted = inventory.nodes.find(({ name }) => name === node);
  if (wanted === undefined) throw new TypeError(`${node} is no node of ${inventory.file}`);
  const identity = { hostKey: makeHostKey(node), flashId: randomUUID() };
  return {
    ...{ node, target },
    setup: setUpNode(inventory, wanted, { ...credentials, ...identity }),
    sshHosts: sshHostsOf(inventory, wanted),
    async open() {
      checkTarget(target, { ...limits, imageBytes: image.sizeBytes, say: () => {} });
      if (target.kind === 'file') await makeFolder(target);
      return openTarget(target, asking.context);
    },
  };
}

async function makeFolder({ path }: Extract<Target, { kind: 'file' }>): Promise<void> {
  await mkdir(dirname(path), { recursive: true }).catch((cause) => {
    throw new BrambleError('INVALID', `cannot make the folder ${dirname(path)}; name another with --to`, {
      cause,
    });
  });
}

function finish({ inventory, image, asking, ...run }: Run, { json }: { json: boolean }): void {
  const { context } = asking;
  const rank = ({ job }: Outcome) => inventory.nodes.findIndex(({ name }) => name === job.node);
  const outcomes = [...run.outcomes].sort((a, b) => rank(a) - rank(b));
  const failure = outcomes.find(({ kind }) => kind === 'failed');
  if (failure?.kind === 'failed') context.setExit(failure.error.exit);
  const knownHosts = knownHostsOf(inventory.file);
  if (!json) return void context.stdout.write(renderSummary(outcomes, { image: image.name, knownHosts }));
  const namesOf = (wanted: Outcome['kind']) =>
    outcomes.filter(({ kind }) => kind === wanted).map(({ job }) => job.node);
  const summary = { event: 'finished', flashed: namesOf('flashed'), failed: namesOf('failed'), knownHosts };
  context.stdout.write(`${JSON.stringify(summary)}\n`);
}
