import { parse, parseDocument, stringify } from 'yaml';

/**
 * Loaded with `await import('./yaml.ts')` by who needs it, so that other commands start without. The package itself
 * cannot be: it is CommonJS, and once bundled its dynamic import has no named exports.
 */
export function parseYaml(text: string): unknown {
  return parse(text);
}

export function toYaml(value: unknown): string {
  return stringify(value);
}

/** Adds a value at `path` to a YAML text, whose comments and order stay. `undefined` when something is there already. */
export function addToYaml(text: string, path: readonly string[], value: unknown): string | undefined {
  const document = parseDocument(text);
  if (document.hasIn(path)) return undefined;
  document.setIn(path, document.createNode(value));
  return document.toString({ lineWidth: 0 });
}
