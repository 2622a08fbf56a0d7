import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { chooseAgentImage } from '../../../provision/inventory.ts';
import { setText } from '../../../provision/life/edit-yaml.ts';
import type { Reaching } from '../cluster/reaching.ts';
import { readCluster } from '../cluster/read-cluster.ts';
import type { CliContext, JsonOption } from '../context.ts';
import { replaceFile } from '../replace-file.ts';
import { runUp } from '../up/run-up.ts';

export interface UpgradeFlags extends JsonOption {
  readonly config: string;
  readonly image?: string;
  readonly dryRun?: boolean;
  readonly wait: number;
  readonly verbose?: boolean;
}

/** What is between an image and a function that answers on it; and whether the nodes can run it at all. */
const phases = ['validate', 'registry', 'trust', 'image', 'pull', 'stack', 'verify'];
const width = 8;

/**
 * `bramble upgrade`: of bringing up what concerns the image. The file names it as soon as the cluster runs it, and not before:
 * bringing up goes by the file, and would take away what it does not name.
 */
export async function upgrade(
  { image, ...flags }: UpgradeFlags,
  context: CliContext,
  parts?: Reaching,
): Promise<void> {
  const before = readCluster(flags, context).agent.image;
  let isDeployed = false;
  const onDeployed = async () => {
    if (image !== undefined) await nameImage(flags.config, image);
    isDeployed = true;
  };
  const options = { ...flags, width, only: phases, agentImage: image, isCautious: true, onDeployed };
  const { failures } = await runUp(options, context, parts);
  if (failures.size === 0 || flags.dryRun || flags.json) return;
  context.stderr.write(`${isDeployed ? deployedAllTheSame(image, before) : notDeployed(flags.config)}\n`);
}

function deployedAllTheSame(image: string | undefined, before: string | undefined): string {
  const isOther = image !== undefined && before !== undefined && image !== before;
  const back = isOther ? `; bramble upgrade --image ${before} leads back` : '';
  return `bramble: the cluster runs ${image ?? 'the new image'} all the same${back}`;
}

function notDeployed(file: string): string {
  return `bramble: the cluster runs what it ran before, and ${file} is as it was; bramble upgrade tries again`;
}

async function nameImage(file: string, image: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  await replaceFile(file, setText(text, ['cluster', 'agent', 'image'], imageFor(file, image)));
}

/** Paths in the file are seen from its folder. */
function imageFor(file: string, image: string): string {
  const chosen = chooseAgentImage(image, (path) => resolve(path));
  if (!isAbsolute(chosen) || isAbsolute(image)) return image;
  const path = relative(dirname(resolve(file)), chosen);
  return path.startsWith('.') ? path : `./${path}`;
}
