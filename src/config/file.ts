import { readFileSync } from 'node:fs';
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, stringify } from 'yaml';
import { BrambleError, messageOf } from '../support/errors.ts';

export type Tree = Record<string, unknown>;

export interface ConfigText {
  readonly path: string;
  readonly tree: Tree;
  /** Where in the file `motion.gpio` stands; for what is not there, where it would belong. */
  readonly lineOf: (path: string) => number | undefined;
}

/** Reads and parses a bramble.yaml, and compares it with nothing. Throws CONFIG_INVALID. */
export function readConfigFile(path: string): ConfigText {
  try {
    return parseConfig(path, readFileSync(path, 'utf8'));
  } catch (err) {
    if (err instanceof BrambleError) throw err;
    throw new BrambleError('CONFIG_INVALID', `cannot read the configuration ${path}: ${messageOf(err)}`, {
      cause: err,
    });
  }
}

export function parseConfig(path: string, text: string): ConfigText {
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: true, lineCounter: lines });
  const [first] = document.errors;
  if (first)
    throw new BrambleError(
      'CONFIG_INVALID',
      `${path} is not YAML: ${first.message.split('\n')[0]?.replace(/:$/, '')}`,
      {
        cause: first,
      },
    );
  const tree: unknown = document.toJS() ?? {};
  if (!isTree(tree))
    throw new BrambleError('CONFIG_INVALID', `${path} must be a map of sections such as "mqtt:"`);
  const lineOf = (key: string) => {
    const offset = findOffset(document.contents, key.split('.'));
    return offset === undefined ? undefined : lines.linePos(offset).line;
  };
  return { path, tree, lineOf };
}

/**
 * The file as agents get it. Where it has a `cluster` section that goes, and with it all comments: they may tell of users
 * and networks as well.
 */
export function withoutCluster(text: string): string {
  const { cluster, ...rest } = parseConfig('bramble.yaml', text).tree;
  return cluster === undefined ? text : stringify(rest);
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Of the deepest part of the path that is there. */
function findOffset(contents: unknown, path: readonly string[]): number | undefined {
  let [node, offset]: [unknown, number | undefined] = [contents, undefined];
  for (const key of path) {
    const next = childAt(node, key);
    if (next === undefined) return offset;
    [node, offset] = [next.value, next.offset ?? offset];
  }
  return offset;
}

function childAt(node: unknown, key: string): { value: unknown; offset: number | undefined } | undefined {
  if (isSeq(node)) {
    const value = node.items[Number(key)];
    return value === undefined ? undefined : { value, offset: offsetOf(value) };
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find((one) => isScalar(one.key) && String(one.key.value) === key);
  return pair && { value: pair.value, offset: offsetOf(pair.key) };
}

function offsetOf(value: unknown): number | undefined {
  return isNode(value) ? value.range?.[0] : undefined;
}
