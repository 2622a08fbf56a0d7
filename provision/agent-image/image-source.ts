import { isAbsolute } from 'node:path';
import type { InventoryAgent } from '../inventory.ts';
import { shortHash } from '../short-hash.ts';
import { packBuildContext } from './build-context.ts';
import { readImageArchive } from './image-archive.ts';

/** Where the nodes have an image from. */
export type ImageSource =
  /** A registry that they all reach. */
  | { readonly kind: 'reference'; readonly reference: string }
  /** A file here, which goes to the cluster's own registry. */
  | {
      readonly kind: 'archive';
      readonly path: string;
      readonly architecture: string;
      /** Name and tag there; another content has another tag. */
      readonly name: string;
    }
  /** Built on the first manager, for its own architecture. */
  | { readonly kind: 'build'; readonly context: Buffer; readonly name: string };

export interface WantedImages {
  readonly agent: ImageSource;
  readonly broker: ImageSource;
}

/** Rejects INVALID where an archive is none, or there is nothing to build from. */
export async function findImages(
  { image, brokerImage }: InventoryAgent,
  packageFolder: string,
): Promise<WantedImages> {
  return {
    agent: image === undefined ? await findBuild(packageFolder) : await findImage(image, 'bramble'),
    broker: await findImage(brokerImage, 'bramble-broker'),
  };
}

/** An inventory has absolute paths, and no reference begins like one. */
async function findImage(image: string, repository: string): Promise<ImageSource> {
  if (!isAbsolute(image)) return { kind: 'reference', reference: image };
  const { path, architecture, id } = await readImageArchive(image);
  return { kind: 'archive', path, architecture, name: `${repository}:${id.slice(0, 12)}` };
}

async function findBuild(packageFolder: string): Promise<ImageSource> {
  const context = await packBuildContext(packageFolder);
  return { kind: 'build', context, name: `bramble:${shortHash(context)}` };
}
