import { join } from 'node:path';
import type { Command } from 'commander';
import type { FunctionSource } from '../../functions/stack-file.ts';
import type { BuildFlags } from '../../images/build-plan.ts';
import { type DockerCli, openDockerCli } from '../../support/docker-cli.ts';
import { BrambleError } from '../../support/errors.ts';
import { addGateway, addJson, explain } from '../command.ts';
import { type CliContext, type JsonOption, print } from '../context.ts';
import { collect } from './agent.ts';
import { type DeployOptions, deploy, findStackFile, parseSeconds, select } from './deploy.ts';

interface SelectOptions extends JsonOption {
  readonly file?: string;
  readonly only?: readonly string[];
}

interface BuildOptions extends SelectOptions {
  readonly buildArg: readonly string[];
  readonly platforms?: readonly string[];
  readonly cache: boolean;
  readonly pull?: boolean;
  readonly push?: boolean;
}

interface Image {
  readonly name: string;
  readonly image: string;
}

export function addBuildCommands(program: Command, context: CliContext): void {
  addBuild(program, context);
  addPush(program, context);
  addShip(program, context);
}

function addBuild(program: Command, context: CliContext): void {
  const command = addBuildFlags(addSelection(addJson(program.command('build'))))
    .description('make images of the functions of a stack file, with Docker')
    .option('--push', 'give each image to its registry at once; images for several platforms need it')
    .action(async (options: BuildOptions) => {
      const images = await build(options, context);
      print(context, options, { images }, () => renderImages(images, options.push ? 'pushed' : 'built'));
    });
  explain(command, {
    examples: [
      'bramble build -f stack.yml',
      'bramble build --only hello --build-arg BASE=node:22-bookworm-slim',
      'bramble build --platforms linux/arm64,linux/arm/v7 --push',
    ],
    json: '{ "images": [{ "name": "hello", "image": "registry.local:5000/hello:latest" }] }',
  });
}

function addPush(program: Command, context: CliContext): void {
  const command = addSelection(addJson(program.command('push')))
    .description('give the images of a stack file to their registries, where all nodes get them')
    .action(async (options: SelectOptions) => {
      const images = await push(await readSelected(options, context), options, context);
      print(context, options, { images }, () => renderImages(images, 'pushed'));
    });
  explain(command, {
    examples: ['bramble push -f stack.yml', 'bramble push --only hello'],
    json: '{ "images": [{ "name": "hello", "image": "registry.local:5000/hello:latest" }] }',
  });
}

interface ShipOptions extends Omit<BuildOptions, 'push'>, Omit<DeployOptions, 'file' | 'only'> {
  readonly push: boolean;
}

function addShip(program: Command, context: CliContext): void {
  const command = addBuildFlags(addSelection(addGateway(program.command('ship'))))
    .description('build, push and deploy the functions of a stack file')
    .option('--no-push', 'keep the images in this Docker, which is enough for a Swarm of one node')
    .option('--no-wait', 'do not wait until the functions are ready')
    .option('--timeout <seconds>', 'wait for each function at most so long', parseSeconds, 60)
    .action((options: ShipOptions) => ship(options, context));
  explain(command, {
    examples: ['bramble ship -f stack.yml', 'bramble ship --only hello --no-push'],
    json: '{ images: [{ name, image }], functions: [{ name, outcome, isReady, url, error? }] }',
  });
}

async function ship(options: ShipOptions, context: CliContext): Promise<void> {
  const file = options.file ?? (await findStackFile());
  const images = await build({ ...options, file }, context);
  if (!options.json) context.stdout.write(renderImages(images, options.push ? 'pushed' : 'built'));
  const functions = await deploy({ ...options, file }, context);
  if (options.json) print(context, options, { images, functions }, () => '');
}

function addSelection(command: Command): Command {
  return command
    .option('-f, --file <stack.yml>', 'the stack file (default: stack.yml or stack.yaml)')
    .option('--only <names>', 'these functions only, separated by commas', splitList);
}

function addBuildFlags(command: Command): Command {
  return command
    .option('--build-arg <name=value>', 'argument of the Dockerfile, such as BASE (repeatable)', collect, [])
    .option('--platforms <list>', 'platforms to build for, instead of the stack file’s', splitList)
    .option('--no-cache', 'build every step anew')
    .option('--pull', 'look for newer base images');
}

function splitList(text: string): string[] {
  return text.split(',');
}

async function readSelected(
  { file, only }: SelectOptions,
  { env }: CliContext,
): Promise<readonly FunctionSource[]> {
  const { readSources } = await import('../../functions/stack-file.ts');
  const path = file ?? (await findStackFile());
  const selected = select(await readSources(path, env), only, ({ name }) => name);
  if (selected.length > 0) return selected;
  throw new BrambleError('INVALID', `${path} has no function with a handler, so there is nothing to build`);
}

/** One after the other: a laptop's Docker builds no faster in parallel, and its output stays readable. */
async function build(options: BuildOptions, context: CliContext): Promise<Image[]> {
  const sources = await readSelected(options, context);
  const docker = openDockerCli({ ...context, env: { ...context.env, DOCKER_BUILDKIT: '0' } });
  const hasBuildx = await docker.run(['buildx', 'version']).then(
    () => true,
    () => false,
  );
  for (const source of sources) await buildOne(source, options, { context, docker, hasBuildx });
  if (options.push && !hasBuildx) return push(sources, options, context);
  return sources.map(({ name, image }) => ({ name, image }));
}

interface Builder {
  readonly context: CliContext;
  readonly docker: DockerCli;
  readonly hasBuildx: boolean;
}

async function buildOne(
  source: FunctionSource,
  options: BuildOptions,
  { context, docker, hasBuildx }: Builder,
): Promise<void> {
  const { withBuildContext } = await import('../../images/build-context.ts');
  const { planBuild } = await import('../../images/build-plan.ts');
  const { findTemplate } = await import('../../images/template.ts');
  const places = templatePlaces(context);
  const template =
    source.lang.toLowerCase() === 'dockerfile' ? undefined : await findTemplate(source.lang, places);
  const flags: BuildFlags = {
    buildArgs: options.buildArg,
    platforms: options.platforms ?? [],
    noCache: !options.cache,
    pull: options.pull ?? false,
    push: options.push ?? false,
  };
  report(`${source.name}: building ${source.image}`, options, context);
  await withBuildContext(source, { template, functionsDir: context.functionsDir }, (folder) =>
    docker.run(planBuild(source, { template, flags, hasBuildx, context: folder }), {
      onLine: (line) => report(line, options, context),
    }),
  );
}

async function push(
  sources: readonly FunctionSource[],
  options: JsonOption,
  context: CliContext,
): Promise<Image[]> {
  const docker = openDockerCli(context);
  for (const { name, image } of sources) {
    report(`${name}: pushing ${image}`, options, context);
    await docker.run(['push', image], { onLine: (line) => report(line, options, context) });
  }
  return sources.map(({ name, image }) => ({ name, image }));
}

/** What happens goes to standard error, so that the result can be used. */
function report(line: string, { json }: JsonOption, { stderr }: CliContext): void {
  if (!json) stderr.write(`${line}\n`);
}

function renderImages(images: readonly Image[], outcome: string): string {
  return images.map(({ name, image }) => `${name} ${outcome}: ${image}\n`).join('');
}

/** The project is where the command is called, as with faas-cli. */
export function templatePlaces({ functionsDir }: Pick<CliContext, 'functionsDir'>) {
  return { projectFolder: 'template', ourFolder: join(functionsDir, 'templates') };
}
