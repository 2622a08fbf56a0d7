import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Static, Type } from 'typebox';
import { parseDocument } from 'yaml';
import { BrambleError, messageOf, type Problem } from '../support/errors.ts';
import { check, findProblems, invalid } from '../support/schema.ts';
import { parseSettings } from './settings.ts';
import { FunctionSpec } from './spec.ts';
import { substitute, type Variables } from './substitute.ts';

export interface Stack {
  /** Where the file says its functions go. */
  readonly gateway?: string | undefined;
  /** As a deployment takes them. */
  readonly functions: readonly FunctionSpec[];
}

/** YAML writes 1 and true where an environment has "1" and "true". */
const Scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);
const ScalarMap = Type.Union([Type.Record(Type.String(), Scalar), Type.Null()]);
const Strings = Type.Union([Type.Array(Type.String()), Type.Null()]);

const StackFunction = Type.Object({
  lang: Type.Optional(Type.String()),
  handler: Type.Optional(Type.String()),
  image: Type.Optional(Type.String({ minLength: 1 })),
  fprocess: Type.Optional(Type.String()),
  namespace: Type.Optional(Type.String()),
  environment: Type.Optional(ScalarMap),
  environment_file: Type.Optional(Strings),
  secrets: Type.Optional(Strings),
  constraints: Type.Optional(Strings),
  labels: Type.Optional(ScalarMap),
  annotations: Type.Optional(ScalarMap),
  limits: FunctionSpec.properties.limits,
  requests: FunctionSpec.properties.requests,
  readonly_root_filesystem: Type.Optional(Type.Boolean()),
  skip_build: Type.Optional(Type.Boolean()),
  build_args: Type.Optional(ScalarMap),
  build_options: Type.Optional(Strings),
  platforms: Type.Optional(Type.String()),
});
type StackFunction = Static<typeof StackFunction>;

const StackSchema = Type.Object({
  version: Type.Optional(Type.Enum([1, '1.0'])),
  provider: Type.Optional(
    Type.Object({ name: Type.Literal('openfaas'), gateway: Type.Optional(Type.String()) }),
  ),
  functions: Type.Record(Type.String(), StackFunction),
  configuration: Type.Optional(Type.Object({ copy: Type.Optional(Strings) })),
});
const EnvironmentFile = Type.Object({ environment: ScalarMap });

/**
 * Reads an OpenFaaS stack file, with `${VAR:-default}` filled in from `variables` and paths resolved against the file.
 * `lang: node…` or `python…` with a handler becomes a framed function of the process runtime. Throws INVALID with
 * every problem, each with its place (`functions.guard.annotations.schedule`).
 */
export async function readStack(file: string, variables: Variables): Promise<Stack> {
  const folder = dirname(resolve(file));
  const { provider, functions } = check(StackSchema, await readYaml(file, variables), { what: file });
  const problems: Problem[] = [];
  const specs: FunctionSpec[] = [];
  for (const [name, entry] of Object.entries(functions)) {
    const environment = await readEnvironment(entry, { folder, variables });
    const spec = toSpec(name, entry, { folder, environment });
    problems.push(...problemsOf(name, spec));
    specs.push(spec);
  }
  if (problems.length > 0) throw invalid(problems, { what: file });
  return { gateway: provider?.gateway, functions: specs };
}

/** How an image of a function is made. */
export interface FunctionSource {
  readonly name: string;
  readonly image: string;
  /** A template's name, or `dockerfile`. */
  readonly lang: string;
  /** Folder of the handler. */
  readonly handler: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Names of the template's sets of packages. */
  readonly buildOptions: readonly string[];
  readonly platforms: readonly string[];
  /** Folders that go into the handler's folder too. */
  readonly copies: readonly string[];
}

/** The functions of a stack file that have a handler, and so an image to be made, with paths resolved against the file. */
export async function readSources(file: string, variables: Variables): Promise<FunctionSource[]> {
  const folder = dirname(resolve(file));
  const { functions, configuration } = check(StackSchema, await readYaml(file, variables), { what: file });
  const copies = (configuration?.copy ?? []).map((path) => resolve(folder, path));
  return Object.entries(functions).flatMap(([name, entry]) => {
    const { image = defaultImage(name), lang, handler, skip_build: isSkipped } = entry;
    if (handler === undefined || isSkipped) return [];
    return {
      ...{ name, image, copies },
      lang: lang ?? 'sh',
      handler: resolve(folder, handler),
      buildArgs: toStrings(entry.build_args),
      buildOptions: entry.build_options ?? [],
      platforms: (entry.platforms ?? '').split(',').flatMap((one) => one.trim() || []),
    };
  });
}

function defaultImage(name: string): string {
  return `${name}:latest`;
}

function toSpec(
  name: string,
  entry: StackFunction,
  { folder, environment }: { folder: string; environment: Record<string, string> },
): FunctionSpec {
  const {
    image = defaultImage(name),
    fprocess,
    namespace,
    secrets,
    constraints,
    labels,
    limits,
    requests,
  } = entry;
  return {
    service: name,
    image,
    ...(fprocess === undefined ? {} : { envProcess: fprocess }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(limits === undefined ? {} : { limits }),
    ...(requests === undefined ? {} : { requests }),
    ...(entry.readonly_root_filesystem === undefined
      ? {}
      : { readOnlyRootFilesystem: entry.readonly_root_filesystem }),
    envVars: environment,
    secrets: secrets ?? [],
    constraints: constraints ?? [],
    labels: toStrings(labels),
    annotations: { ...placeOfHandler(entry, folder), ...toStrings(entry.annotations) },
  };
}

/** An explicit `fprocess` says how to run it; otherwise the language does. */
function placeOfHandler(
  { lang = '', handler, fprocess }: StackFunction,
  folder: string,
): Record<string, string> {
  if (handler === undefined) return {};
  const place = { 'bramble.handler': resolve(folder, handler) };
  const known = /^(node|python)/.exec(lang)?.[1];
  return known === undefined || fprocess !== undefined ? place : { ...place, 'bramble.lang': known };
}

/** Later files override earlier ones, and `environment` overrides them all. */
async function readEnvironment(
  { environment, environment_file: files }: StackFunction,
  { folder, variables }: { folder: string; variables: Variables },
): Promise<Record<string, string>> {
  const merged: Record<string, string> = {};
  for (const file of files ?? []) {
    const path = resolve(folder, file);
    const read = check(EnvironmentFile, await readYaml(path, variables), { what: path });
    Object.assign(merged, toStrings(read.environment));
  }
  return { ...merged, ...toStrings(environment) };
}

function toStrings(map: Static<typeof ScalarMap> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(map ?? {}).map(([key, value]) => [key, String(value)]));
}

/** What a deployment would be refused for, at its place in this file. */
function problemsOf(name: string, spec: FunctionSpec): Problem[] {
  return deploymentProblems(spec).map(({ path, message }) => {
    const place = path.replace(/^envVars\b/, 'environment').replace(/^envProcess\b/, 'fprocess');
    return { path: place === 'service' ? `functions.${name}` : `functions.${name}.${place}`, message };
  });
}

function deploymentProblems(spec: FunctionSpec): readonly Problem[] {
  const problems = findProblems(FunctionSpec, spec);
  if (problems.length > 0) return problems;
  try {
    parseSettings(spec);
    return [];
  } catch (err) {
    if (err instanceof BrambleError && err.code === 'INVALID') return err.problems;
    throw err;
  }
}

async function readYaml(file: string, variables: Variables): Promise<unknown> {
  const document = parseDocument(substitute(await readText(file), variables));
  const broken = document.errors.map(({ message }) => ({ path: '', message }));
  if (broken.length > 0) throw invalid(broken, { what: file });
  return document.toJS() ?? {};
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (err) {
    throw new BrambleError('INVALID', `cannot read the stack file ${file}: ${messageOf(err)}`, {
      cause: err,
    });
  }
}
