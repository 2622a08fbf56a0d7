import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { chooseAgentImage } from '../../../provision/inventory.ts';
import { setText } from '../../../provision/life/edit-yaml.ts';
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

/** What is between an image and a function that answers on it. */
const phases = ['registry', 'trust', 'image', 'pull', 'stack', 'verify'];
const width = 8;

/** `bramble upgrade`: of bringing up what concerns the image. The file names it only when all nodes have it. */
export async function upgrade({ image, ...flags }: UpgradeFlags, context: CliContext): Promise<void> {
  const { failures } = await runUp({ ...flags, width, only: phases, agentImage: image }, context);
  if (image === undefined || flags.dryRun || failures.size > 0) return;
  const text = await readFile(flags.config, 'utf8');
  await replaceFile(
    flags.config,
    setText(text, ['cluster', 'agent', 'image'], imageFor(flags.config, image)),
  );
}

/** Paths in the file are seen from its folder. */
function imageFor(file: string, image: string): string {
  const chosen = chooseAgentImage(image, (path) => resolve(path));
  if (!isAbsolute(chosen) || isAbsolute(image)) return image;
  const path = relative(dirname(resolve(file)), chosen);
  return path.startsWith('.') ? path : `./${path}`;
}
