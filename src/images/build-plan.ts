import type { FunctionSource } from '../functions/stack-file.ts';
import { BrambleError } from '../support/errors.ts';
import type { Template } from './template.ts';

export interface BuildFlags {
  /** `NAME=value`, over those of the stack file. */
  readonly buildArgs: readonly string[];
  readonly noCache: boolean;
  readonly pull: boolean;
  /** Instead of the stack file's. */
  readonly platforms: readonly string[];
  /** Gives the image to its registry as well. */
  readonly push: boolean;
}

/** The arguments of `docker` that make an image of the folder `context`. */
export function planBuild(
  source: Pick<FunctionSource, 'name' | 'image' | 'buildArgs' | 'buildOptions' | 'platforms'>,
  { template, flags, hasBuildx, context }: BuildSituation,
): string[] {
  const platforms = flags.platforms.length > 0 ? flags.platforms : source.platforms;
  const buildArgs = {
    ...packagesOf(source, template),
    ...source.buildArgs,
    ...Object.fromEntries(flags.buildArgs.map(splitBuildArg)),
  };
  return [
    ...(hasBuildx
      ? ['buildx', 'build', ...output(source.name, platforms, flags)]
      : classic(source.name, platforms)),
    ...['--tag', source.image],
    ...Object.entries(buildArgs).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...(flags.noCache ? ['--no-cache'] : []),
    ...(flags.pull ? ['--pull'] : []),
    context,
  ];
}

export interface BuildSituation {
  /** None where the handler's folder has a Dockerfile of its own. */
  readonly template: Template | undefined;
  readonly flags: BuildFlags;
  readonly hasBuildx: boolean;
  readonly context: string;
}

/** Docker keeps images of one platform only; those of several can go nowhere but to a registry. */
function output(name: string, platforms: readonly string[], { push }: BuildFlags): string[] {
  const platform = platforms.length > 0 ? ['--platform', platforms.join(',')] : [];
  if (push) return [...platform, '--push'];
  if (platforms.length < 2) return [...platform, '--load'];
  throw new BrambleError(
    'INVALID',
    `an image for several platforms (${name}: ${platforms.join(', ')}) must go to a registry at once; use bramble ship or bramble build --push, or choose one with --platforms`,
  );
}

function classic(name: string, platforms: readonly string[]): string[] {
  if (platforms.length < 2) return ['build'];
  throw new BrambleError(
    'UNSUPPORTED',
    `docker buildx is not installed, and only it makes images for several platforms (${name}: ${platforms.join(', ')}); install it, or choose this machine's with --platforms`,
  );
}

function packagesOf(
  { name, buildOptions }: Pick<FunctionSource, 'name' | 'buildOptions'>,
  template: Template | undefined,
): Record<string, string> {
  const packages = buildOptions.flatMap((wanted) => {
    const option = template?.buildOptions.find((one) => one.name === wanted);
    if (option !== undefined) return option.packages;
    throw new BrambleError('INVALID', `functions.${name}.build_options: the template has no "${wanted}"`);
  });
  return packages.length === 0 ? {} : { ADDITIONAL_PACKAGE: packages.join(' ') };
}

function splitBuildArg(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new BrambleError('INVALID', `--build-arg takes NAME=value such as BASE=node:22-alpine, not ${text}`);
}
