import { parse, stringify } from 'yaml';

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
