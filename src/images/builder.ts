import type { FunctionSource } from '../functions/stack-file.ts';
import type { BuildFlags } from './build-plan.ts';
import type { Template } from './template.ts';

/** A Docker that makes images of functions and gives them to their registries. */
export interface Builder {
  /** For sentences: ` on pi-01`; empty for the Docker that this computer uses. */
  readonly where: string;
  /** The gateway of the cluster that it belongs to, where it belongs to one. */
  readonly gateway?: string;
  /** What an image of the stack file is called there. Throws where that would be in a registry that it cannot use, with what to do. */
  nameOf(image: string): string;
  /** Resolves to what became of the image: with `flags.push` it may have gone to its registry at once. */
  build(source: FunctionSource, order: BuildOrder): Promise<'built' | 'pushed'>;
  push(image: string, say: (line: string) => void): Promise<void>;
}

export interface BuildOrder {
  /** None where the handler's folder has a Dockerfile of its own. */
  readonly template: Template | undefined;
  readonly flags: BuildFlags;
  /** Folder that the image is made of. */
  readonly folder: string;
  /** Gets each line that Docker prints. */
  readonly say: (line: string) => void;
}
