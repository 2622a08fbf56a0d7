import { BrambleError } from '../../src/support/errors.ts';
import type { NodeFacts } from '../up/facts.ts';
import type { Cluster, Phase, Refusal, Step } from '../up/phase.ts';
import { reached } from './roles.ts';

/** The certificates by which nodes of a Swarm know each other, and apt's signatures, are valid from a moment on. */
const clockToleranceMs = 5_000;
/** Docker, its images and a reserve for what functions bring. */
const leastDiskBytes = 1_000_000_000;
const architectures: readonly string[] = ['arm64', 'armhf', 'amd64'];

/** What must hold before anything is changed, and the one thing of it that can be put right: the clock. */
export const validate: Phase = {
  name: 'validate',
  title: 'Check the nodes',
  refuse: (cluster) => [
    ...refuseTwins(cluster),
    ...reached(cluster).flatMap((node) => refuseNode(node.name, cluster)),
  ],
  plan: (cluster) =>
    reached(cluster).flatMap(({ name }) => {
      const { clockOffsetMs } = cluster.facts.get(name) ?? { clockOffsetMs: 0 };
      return Math.abs(clockOffsetMs) > clockToleranceMs ? [setClock(name, clockOffsetMs)] : [];
    }),
};

function refuseNode(node: string, { facts }: Cluster): readonly Refusal[] {
  const found = facts.get(node);
  const why = found === undefined ? undefined : whyUnfit(found);
  return why === undefined ? [] : [{ node, error: new BrambleError('UNSUPPORTED', `${node}: ${why}`) }];
}

function whyUnfit({ architecture, diskFreeBytes, os, docker }: NodeFacts): string | undefined {
  if (!architectures.includes(architecture))
    return `its architecture ${architecture} is not one that Bramble runs on (${architectures.join(', ')})`;
  if (diskFreeBytes < leastDiskBytes && docker === undefined)
    return `only ${Math.round(diskFreeBytes / 1e6)} MB are free on its disk, and ${leastDiskBytes / 1e6} are needed; is its root partition grown?`;
  if (os.codename === '') return `it does not say which Debian it is (${os.prettyName})`;
  return undefined;
}

/** Two names for one machine, as after a card was copied: the second would join as itself once more. */
function refuseTwins({ wanted, facts }: Cluster): readonly Refusal[] {
  const seen = new Map<string, string>();
  const refusals: Refusal[] = [];
  for (const { name } of wanted.nodes) {
    const found = facts.get(name);
    if (found === undefined) continue;
    const twin = seen.get(found.bootId);
    if (twin === undefined) seen.set(found.bootId, name);
    else
      refusals.push({
        node: name,
        error: new BrambleError(
          'CONFLICT',
          `${name} and ${twin} are the same machine; look at cluster.nodes: host`,
        ),
      });
  }
  return refusals;
}

function setClock(node: string, offsetMs: number): Step {
  const seconds = Math.round(Math.abs(offsetMs) / 1000);
  return {
    node,
    title: `set the clock, which is ${seconds} s ${offsetMs < 0 ? 'behind' : 'ahead'}`,
    async act({ remote, clock, signal }) {
      const now = (clock.nowMs() / 1000).toFixed(3);
      await remote.run(['date', '--utc', '--set', `@${now}`], { as: 'root', signal });
    },
  };
}
