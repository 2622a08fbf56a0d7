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

type BuildSource = Pick<FunctionSource, 'name' | 'image' | 'buildArgs' | 'buildOptions' | 'platforms'>;

/** The arguments of `docker` that make an image of the folder `context`. */
export function planBuild(
  source: BuildSource,
  { template, flags, hasBuildx, context }: BuildSituation,
): string[] {
  const platforms = platformsOf(source, flags);
  return [
    ...(hasBuildx
      ? ['buildx', 'build', ...output(source.name, platforms, flags)]
      : classic(source.name, platforms)),
    ...['--tag', source.image],
    ...buildArgsOf(source, template, flags).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...howToBuild(flags),
    context,
  ];
}

export interface NodeBuildPlan {
  /** Of `docker`. */
  readonly args: readonly string[];
  /** What the build arguments are, by name, for the environment of the program. */
  readonly buildArgs: readonly (readonly [name: string, value: string])[];
}

/**
 * The same for an archive on standard input of the `docker` of a node. The values of build arguments are not among its arguments, which
 * sudo writes into the node's journal. Throws UNSUPPORTED for other platforms than the node's own.
 */
export function planNodeBuild(source: BuildSource, { template, flags, node }: NodeSituation): NodeBuildPlan {
  const own = dockerNames[node.architecture] ?? node.architecture;
  const platforms = platformsOf(source, flags);
  if (platforms.some((platform) => platform !== own))
    throw new BrambleError(
      'UNSUPPORTED',
      `${node.name} makes images for ${own}, its own platform, and ${source.name} is wanted for ${platforms.join(', ')}; leave --on out and let docker buildx build it on a laptop, or choose --platforms ${own}`,
    );
  const buildArgs = buildArgsOf(source, template, flags);
  const names = buildArgs.flatMap(([name]) => ['--build-arg', name]);
  // Of a build that fails or is interrupted the classic builder would leave a container there.
  const args = ['build', '--force-rm', '--tag', source.image, ...names, ...howToBuild(flags), '-'];
  return { buildArgs, args };
}

export interface NodeSituation extends Pick<BuildSituation, 'template' | 'flags'> {
  readonly node: {
    readonly name: string;
    /** As Debian names it. */
    readonly architecture: string;
  };
}

/** Debian's name of an architecture → Docker's of a platform. */
const dockerNames: Readonly<Record<string, string>> = {
  amd64: 'linux/amd64',
  arm64: 'linux/arm64',
  armhf: 'linux/arm/v7',
};

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

function platformsOf({ platforms }: BuildSource, flags: BuildFlags): readonly string[] {
  return flags.platforms.length > 0 ? flags.platforms : platforms;
}

function buildArgsOf(
  source: BuildSource,
  template: Template | undefined,
  { buildArgs }: BuildFlags,
): [name: string, value: string][] {
  return Object.entries({
    ...packagesOf(source, template),
    ...source.buildArgs,
    ...Object.fromEntries(buildArgs.map(splitBuildArg)),
  });
}

function howToBuild({ noCache, pull }: BuildFlags): string[] {
  return [...(noCache ? ['--no-cache'] : []), ...(pull ? ['--pull'] : [])];
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
