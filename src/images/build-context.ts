import { cp, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { FunctionSource } from '../functions/stack-file.ts';
import { BrambleError } from '../support/errors.ts';
import type { Template } from './template.ts';

/**
 * Makes the folder that an image is built from, gives it to `use`, and removes it: the template, the handler in its place,
 * and with a template of ours the watchdog (`functionsDir` has it).
 */
export async function withBuildContext<Result>(
  source: FunctionSource,
  { template, functionsDir }: { template: Template | undefined; functionsDir: string },
  use: (context: string) => Promise<Result>,
): Promise<Result> {
  await checkHandler(source, template);
  const context = await mkdtemp(join(tmpdir(), `bramble-build-${source.name}-`));
  try {
    if (template !== undefined)
      await copy(template.folder, context, (path) => path !== template.handlerFolder);
    if (template?.isOurs)
      for (const part of ['watchdog', 'runtimes'])
        await copy(join(functionsDir, part), join(context, 'bramble', part));
    const handlerAt = template === undefined ? context : join(context, template.handlerFolder);
    await copy(source.handler, handlerAt);
    for (const folder of source.copies) await copy(folder, join(handlerAt, basename(folder)));
    return await use(context);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

async function checkHandler(
  { name, handler }: FunctionSource,
  template: Template | undefined,
): Promise<void> {
  const isFolder = await stat(handler).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw new BrambleError('INVALID', `functions.${name}.handler: ${handler} is not a folder`);
  if (template !== undefined) return;
  const hasDockerfile = await stat(join(handler, 'Dockerfile')).then(
    () => true,
    () => false,
  );
  if (!hasDockerfile)
    throw new BrambleError(
      'INVALID',
      `functions.${name}: ${handler} has no Dockerfile; or name a template in lang`,
    );
}

/** Made on this machine for this machine: not for an image. */
const leftOut = new Set(['node_modules', '__pycache__', '.git']);

async function copy(
  from: string,
  to: string,
  isWanted: (path: string) => boolean = () => true,
): Promise<void> {
  await cp(from, to, {
    recursive: true,
    filter: (file) => !leftOut.has(basename(file)) && isWanted(file.slice(from.length + 1)),
  });
}
