import { join } from 'node:path';
import type { Command } from 'commander';
import type { FunctionSource } from '../../functions/stack-file.ts';
import type { BuildFlags } from '../../images/build-plan.ts';
import type { Builder } from '../../images/builder.ts';
import { openDockerCli } from '../../support/docker-cli.ts';
import { BrambleError } from '../../support/errors.ts';
import { addGateway, addJson, explain } from '../command.ts';
import { type CliContext, type JsonOption, print } from '../context.ts';
import { collect } from './agent.ts';
import { type DeployOptions, deploy, findStackFile, parseSeconds, select } from './deploy.ts';

interface SelectOptions extends JsonOption {
  readonly file?: string;
  readonly only?: readonly string[];
  /** A node of the cluster; `true` is its first manager. */
  readonly on?: string | true;
  readonly config: string;
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
    .description('make images of the functions of a stack file, with Docker here or on a node')
    .option('--push', 'give each image to its registry at once; images for several platforms need it')
    .action(async (options: BuildOptions) => {
      const { images } = await build(options, context);
      print(context, options, { images }, () => renderImages(images, options.push ? 'pushed' : 'built'));
    });
  explain(command, {
    examples: [
      'bramble build -f stack.yml',
      'bramble build --only hello --build-arg BASE=node:22-bookworm-slim',
      'bramble build --platforms linux/arm64,linux/arm/v7 --push',
      'bramble build --on pi-01 --only hello',
    ],
    json: '{ "images": [{ "name": "hello", "image": "registry.local:5000/hello:latest" }] }',
  });
}

function addPush(program: Command, context: CliContext): void {
  const command = addSelection(addJson(program.command('push')))
    .description('give the images of a stack file to their registries, where all nodes get them')
    .action(async (options: SelectOptions) => {
      const images = await push(options, context);
      print(context, options, { images }, () => renderImages(images, 'pushed'));
    });
  explain(command, {
    examples: ['bramble push -f stack.yml', 'bramble push --only hello', 'bramble push --on pi-01'],
    json: '{ "images": [{ "name": "hello", "image": "registry.local:5000/hello:latest" }] }',
  });
}

interface ShipOptions extends Omit<BuildOptions, 'push'>, Omit<DeployOptions, 'file' | 'only'> {
  readonly push: boolean;
}

function addShip(program: Command, context: CliContext): void {
  const command = addBuildFlags(addSelection(addGateway(program.command('ship'))))
    .description('build, push and deploy the functions of a stack file')
    .option(
      '--no-push',
      'keep the images in this Docker, which is enough for a Swarm of one node; not with --on, where nodes take them from the registry',
    )
    .option('--no-wait', 'do not wait until the functions are ready')
    .option('--timeout <seconds>', 'wait for each function at most so long', parseSeconds, 60)
    .action((options: ShipOptions) => ship(options, context));
  explain(command, {
    examples: ['bramble ship -f stack.yml', 'bramble ship --only hello --no-push', 'bramble ship --on pi-01'],
    json: '{ images: [{ name, image }], functions: [{ name, outcome, isReady, url, error? }] }',
  });
}

async function ship(options: ShipOptions, context: CliContext): Promise<void> {
  if (options.on !== undefined && !options.push)
    throw new BrambleError(
      'INVALID',
      '--no-push does not go with --on: the nodes take images from the registry; leave it out',
    );
  const file = options.file ?? (await findStackFile());
  const { images, gateway } = await build({ ...options, file }, context);
  if (!options.json) context.stdout.write(renderImages(images, options.push ? 'pushed' : 'built'));
  const names = new Map(images.map(({ name, image }) => [name, image]));
  const functions = await deploy({ ...options, file, images: names, usualGateway: gateway }, context);
  if (options.json) print(context, options, { images, functions }, () => '');
}

function addSelection(command: Command): Command {
  return command
    .option('-f, --file <stack.yml>', 'the stack file (default: stack.yml or stack.yaml)')
    .option('--only <names>', 'these functions only, separated by commas', splitList)
    .option(
      '--on [node]',
      'over SSH with the Docker of a node of bramble.yaml (default: the first manager); images that name no registry go to the cluster’s own',
    )
    .option('-c, --config <file>', 'the file that lists the nodes', 'bramble.yaml');
}

function addBuildFlags(command: Command): Command {
  return command
    .option('--build-arg <name=value>', 'argument of the Dockerfile, such as BASE (repeatable)', collect, [])
    .option(
      '--platforms <list>',
      'platforms to build for, instead of the stack file’s; a node builds for its own',
      splitList,
    )
    .option('--no-cache', 'build every step anew')
    .option('--pull', 'look for newer base images');
}

function splitList(text: string): string[] {
  return text.split(',');
}

async function readSelected(
  { file, only }: Omit<SelectOptions, 'on'>,
  { env }: CliContext,
): Promise<readonly FunctionSource[]> {
  const { readSources } = await import('../../functions/stack-file.ts');
  const path = file ?? (await findStackFile());
  const selected = select(await readSources(path, env), only, ({ name }) => name);
  if (selected.length > 0) return selected;
  throw new BrambleError('INVALID', `${path} has no function with a handler, so there is nothing to build`);
}

interface Made {
  readonly images: readonly Image[];
  /** Of the cluster that has them. */
  readonly gateway: string | undefined;
}

/** One after the other: a laptop's Docker builds no faster in parallel, and its output stays readable. */
function build(options: BuildOptions, context: CliContext): Promise<Made> {
  return withSources(options, context, async (sources, builder) => {
    for (const source of sources) {
      const outcome = await buildOne(source, options, { context, builder });
      if (options.push && outcome === 'built') await pushOne(source, options, { context, builder });
    }
    return { images: sources.map(({ name, image }) => ({ name, image })), gateway: builder.gateway };
  });
}

function push(options: SelectOptions, context: CliContext): Promise<readonly Image[]> {
  return withSources(options, context, async (sources, builder) => {
    for (const source of sources) await pushOne(source, options, { context, builder });
    return sources.map(({ name, image }) => ({ name, image }));
  });
}

/** The functions that are wanted, with their images as the builder that is wanted calls them. */
async function withSources<Result>(
  { on, ...options }: SelectOptions,
  context: CliContext,
  work: (sources: readonly FunctionSource[], builder: Builder) => Promise<Result>,
): Promise<Result> {
  const sources = await readSelected(options, context);
  const workWith = (builder: Builder) =>
    work(
      sources.map((source) => ({ ...source, image: builder.nameOf(source.image) })),
      builder,
    );
  if (on === undefined) {
    const { createLocalBuilder } = await import('../../images/local-builder.ts');
    const env = { ...context.env, DOCKER_BUILDKIT: '0' };
    return workWith(createLocalBuilder(openDockerCli({ ...context, env })));
  }
  const { withNodeBuilder } = await import('../cluster/node-builder.ts');
  return withNodeBuilder({ ...options, on }, context, workWith);
}

interface Builders {
  readonly context: CliContext;
  readonly builder: Builder;
}

async function buildOne(
  source: FunctionSource,
  options: BuildOptions,
  { context, builder }: Builders,
): Promise<'built' | 'pushed'> {
  const { withBuildContext } = await import('../../images/build-context.ts');
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
  report(`${source.name}: building ${source.image}${builder.where}`, options, context);
  const say = (line: string) => report(line, options, context);
  return withBuildContext(source, { template, functionsDir: context.functionsDir }, (folder) =>
    builder.build(source, { template, flags, folder, say }),
  );
}

async function pushOne(
  { name, image }: FunctionSource,
  options: JsonOption,
  { context, builder }: Builders,
): Promise<void> {
  report(`${name}: pushing ${image}`, options, context);
  await builder.push(image, (line) => report(line, options, context));
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
