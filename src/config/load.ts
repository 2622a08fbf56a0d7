import { deepFreeze } from '../support/deep-freeze.ts';
import { BrambleError, type Problem, systemCode } from '../support/errors.ts';
import { findProblems, invalid } from '../support/schema.ts';
import { type ConfigText, isTree, readConfigFile, type Tree } from './file.ts';
import { type Config, ConfigSchema } from './schema.ts';

export interface ConfigSources {
  /** Values below the file, such as those of the demo. */
  readonly base?: Tree;
  /** Path of a bramble.yaml. When it is not given, `defaultFile` is read if it is there. */
  readonly file?: string | undefined;
  readonly defaultFile?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Values of command-line flags. */
  readonly overrides?: Tree;
}

export interface LoadedConfig {
  readonly config: Config;
  /** The file that was read, if any. */
  readonly file: string | undefined;
}

/** Environment variables that speak to the command line, or say what was built; no keys of the configuration. */
const notConfig = new Set([
  'BRAMBLE_CONFIG',
  'BRAMBLE_GATEWAY',
  'BRAMBLE_USER',
  'BRAMBLE_PASSWORD',
  'BRAMBLE_PASSWORD_FILE',
  'BRAMBLE_HOME',
  'BRAMBLE_BUILD',
  'BRAMBLE_WIFI_PASSWORD',
  'BRAMBLE_USER_PASSWORD',
  'BRAMBLE_BACKUP_PASSWORD',
]);

/**
 * Defaults < base < file < environment < overrides. Throws CONFIG_INVALID with every problem of all sources at once,
 * each with its path. The result is frozen.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const found = readFile(sources);
  const problems: Problem[] = [];
  const fromEnv = readEnvironment(sources.env, problems);
  const { cluster, ...fromFile } = found?.tree ?? {}; // how nodes are made is nothing to an agent
  const tree = [sources.base ?? {}, fromFile, fromEnv, sources.overrides ?? {}].reduce<Tree>(merge, {});
  problems.push(...findProblems(ConfigSchema, tree), ...findConflicts(tree));
  if (problems.length > 0) {
    throw invalid(problems, {
      what: found ? `the configuration (${found.path})` : 'the configuration',
      code: 'CONFIG_INVALID',
    });
  }
  return { config: deepFreeze(tree) as Config, file: found?.path }; // checked by findProblems above
}

function readFile({ file, defaultFile }: ConfigSources): ConfigText | undefined {
  const path = file ?? defaultFile;
  if (path === undefined) return undefined;
  try {
    return readConfigFile(path);
  } catch (err) {
    const isMissing = err instanceof BrambleError && systemCode(err.cause) === 'ENOENT';
    if (file === undefined && isMissing) return undefined;
    throw err;
  }
}

/** `BRAMBLE_MOTION__DEBOUNCE_MS=20` → `{ motion: { debounceMs: 20 } }`. */
function readEnvironment(env: ConfigSources['env'], problems: Problem[]): Tree {
  const tree: Tree = {};
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('BRAMBLE_') || notConfig.has(name) || text === undefined) continue;
    const path = name.slice('BRAMBLE_'.length).split('__').map(camelCase);
    const schema = schemaAt(path);
    if (schema === undefined)
      problems.push({ path: name, message: `sets ${path.join('.')}, which is not a known key` });
    else setAt(tree, path, parseText(text, schema));
  }
  return tree;
}

/** Sets `path` (as `['motion', 'debounceMs']`) in a tree of plain objects. */
export function setAt(tree: Tree, path: readonly string[], value: unknown): void {
  const [head, ...rest] = path;
  if (head === undefined) return;
  if (rest.length === 0) {
    tree[head] = value;
    return;
  }
  const below = Object.hasOwn(tree, head) ? tree[head] : undefined;
  const next: Tree = isTree(below) ? below : {};
  tree[head] = next;
  setAt(next, rest, value);
}

/** Flags and environment variables are text: read as the type that the schema asks for at `path`. */
export function parseSetting(path: readonly string[], text: string): unknown {
  return parseText(text, schemaAt(path) ?? {});
}

function camelCase(upperSnake: string): string {
  return upperSnake.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

interface AnySchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, AnySchema>>;
}

function schemaAt(path: readonly string[]): AnySchema | undefined {
  let schema: AnySchema | undefined = ConfigSchema as AnySchema; // every TypeBox object is such a JSON Schema
  for (const key of path) schema = schema?.properties?.[key];
  return schema?.properties === undefined ? schema : undefined;
}

function parseText(text: string, schema: AnySchema): unknown {
  switch (schema.type) {
    case 'integer':
    case 'number':
      return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'array':
      return text === '' ? [] : text.split(',').map((part) => part.trim());
    default:
      return text;
  }
}

/** What one schema cannot say: rules between keys. */
export function findConflicts(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  const { mqtt, gauge, motion } = tree;
  for (const [section, value] of Object.entries({ mqtt, gateway: tree.gateway })) {
    if (isTree(value) && value.password !== undefined && value.passwordFile !== undefined) {
      problems.push({
        path: `${section}.passwordFile`,
        message: `give either this or ${section}.password, not both`,
      });
    }
  }
  if (isTree(gauge) && (gauge.nightFrom === undefined) !== (gauge.nightTo === undefined)) {
    problems.push({ path: 'gauge.nightFrom', message: 'nightFrom and nightTo go together' });
  }
  if (isTree(gauge) && gauge.dataGpio === gauge.clockGpio) {
    problems.push({ path: 'gauge.clockGpio', message: 'must not be the same pin as gauge.dataGpio' });
  }
  if (
    isTree(gauge) &&
    isTree(motion) &&
    (motion.gpio === gauge.dataGpio || motion.gpio === gauge.clockGpio)
  ) {
    problems.push({ path: 'motion.gpio', message: `pin ${motion.gpio} is taken by the gauge` });
  }
  return problems;
}

function merge(below: Tree, above: Tree): Tree {
  const merged: Tree = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const present = merged[key];
    merged[key] = isTree(present) && isTree(value) ? merge(present, value) : structuredClone(value);
  }
  return merged;
}
