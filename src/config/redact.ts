import { hideCredentials } from '../support/hide-credentials.ts';
import { ConfigSchema } from './schema.ts';

interface AnySchema {
  readonly secret?: boolean;
  readonly properties?: Readonly<Record<string, AnySchema>>;
}

/** A copy of the configuration in which every value that the schema marks as secret reads `(hidden)`. */
export function redact(config: object): Record<string, unknown> {
  return redactBy(config, ConfigSchema as AnySchema); // every TypeBox object is such a JSON Schema
}

function redactBy(value: object, schema: AnySchema): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [key, part] of Object.entries(value)) {
    const below = schema.properties?.[key];
    if (below?.secret) copy[key] = '(hidden)';
    else
      copy[key] =
        below?.properties && typeof part === 'object' && part !== null ? redactBy(part, below) : part;
  }
  return withoutCredentials(copy);
}

/** `mqtt://user:password@host` carries a secret as well. */
function withoutCredentials(copy: Record<string, unknown>): Record<string, unknown> {
  if (typeof copy.url === 'string') copy.url = hideCredentials(copy.url, '(hidden)@');
  return copy;
}
