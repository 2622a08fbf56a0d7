import { createReadStream } from 'node:fs';
import { BrambleError } from '../../src/support/errors.ts';
import type { ImageSource, WantedImages } from '../agent-image/image-source.ts';
import { dockerOf } from '../remote/docker.remote.ts';
import type { Cluster, Phase, Refusal, Step, StepContext } from '../up/phase.ts';
import { mayUseRegistry, registryAddress, servedRegistry } from './registry.ts';
import { firstManager, reached } from './roles.ts';

/** Over Wi-Fi to a slow card; and npm on the smallest Pi. */
const longestLoadMs = 1_800_000;
const longestBuildMs = 3_600_000;

/** What runs on every node is where every node can pull it. */
export function image(images: WantedImages): Phase {
  return {
    name: 'image',
    title: "Give the nodes Bramble's images",
    plan: (cluster) => [images.agent, images.broker].flatMap((source) => planImage(source, cluster)),
  };
}

/** As services name it. */
export function referenceOf(source: ImageSource, cluster: Pick<Cluster, 'wanted' | 'facts'>): string {
  return source.kind === 'reference' ? source.reference : `${registryAddress(cluster)}/${source.name}`;
}

/** Can `referenceOf` be told? Not while the node with the registry is away, where the image is there. */
export function hasPlace(source: ImageSource, { wanted, facts }: Cluster): boolean {
  return source.kind === 'reference' || facts.has(firstManager(wanted).name);
}

/** An image from here is for one architecture. Nodes of another would join, and then start it in vain for ever. */
export function refuseArchitectures({ agent, broker }: WantedImages, cluster: Cluster): readonly Refusal[] {
  return reached(cluster).flatMap(({ name }) => {
    const own = cluster.facts.get(name)?.architecture;
    const foreign = [agent, broker].find(
      (source) => ![undefined, own].includes(architectureOf(source, cluster)),
    );
    if (foreign === undefined || foreign.kind === 'reference') return [];
    const what = foreign.kind === 'archive' ? foreign.path : 'built on the first manager';
    return [
      {
        node: name,
        error: new BrambleError(
          'UNSUPPORTED',
          `${name} is ${own}, and the image (${what}) is for ${architectureOf(foreign, cluster)} only; set cluster.agent.image to one in a registry that is for both`,
        ),
      },
    ];
  });
}

function architectureOf(source: ImageSource, { wanted, facts }: Cluster): string | undefined {
  if (source.kind === 'archive') return source.architecture;
  return source.kind === 'build' ? facts.get(firstManager(wanted).name)?.architecture : undefined;
}

function planImage(source: ImageSource, cluster: Cluster): readonly Step[] {
  if (source.kind === 'reference' || !hasPlace(source, cluster)) return [];
  if (servedRegistry(cluster)?.images.includes(source.name)) return [];
  const reference = referenceOf(source, cluster);
  const mayPush = (node: string) => servedRegistry(cluster) === undefined || mayUseRegistry(node, cluster);
  const holder = reached(cluster).find(
    ({ name }) => mayPush(name) && cluster.facts.get(name)?.images.includes(reference),
  );
  if (holder !== undefined) return [bringBack(reference, holder.name, cluster)];
  return [
    {
      node: firstManager(cluster.wanted).name,
      title:
        source.kind === 'archive'
          ? `load ${source.path} as ${reference}`
          : `build ${reference}, which may take half an hour`,
      async act(context) {
        if (source.kind === 'archive') await load(source.path, reference, context);
        else await build(source.context, reference, context);
        context.say(`pushing ${reference}`);
        await dockerOf(context.remote, context.signal).run(['push', reference]);
      },
    },
  ];
}

/** When the registry was lost, or a run interrupted. What was built would be another image with the same name if it were built again. */
function bringBack(reference: string, holder: string, { wanted }: Cluster): Step {
  const node = firstManager(wanted).name;
  return {
    node,
    title: holder === node ? `push ${reference}` : `have ${holder} push ${reference}, which it has`,
    async act({ remoteOf, signal }) {
      await dockerOf(remoteOf(holder), signal).run(['push', reference]);
    },
  };
}

async function load(path: string, reference: string, { remote, say, signal }: StepContext): Promise<void> {
  say(`sending ${path}`);
  const { stdout } = await remote.run(['docker', 'load'], {
    as: 'root',
    stdin: createReadStream(path, { highWaterMark: 1024 * 1024 }),
    timeoutMs: longestLoadMs,
    signal,
  });
  const loaded = /^Loaded image(?: ID)?: (.+)$/m.exec(stdout)?.[1];
  if (loaded === undefined)
    throw new BrambleError('REMOTE_FAILED', `${remote.name}: Docker does not say what it loaded: ${stdout}`);
  await dockerOf(remote, signal).run(['tag', loaded.trim(), reference]);
}

async function build(
  context: Buffer,
  reference: string,
  { remote, say, signal }: StepContext,
): Promise<void> {
  await remote.run(['docker', 'build', '--tag', reference, '-'], {
    as: 'root',
    stdin: context,
    onLine: say,
    timeoutMs: longestBuildMs,
    signal,
  });
}
