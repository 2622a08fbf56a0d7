/**
 * Reading fields of JSON whose sender we do not control: an OpenFaaS gateway of another version leaves out what is
 * zero or empty, so that a missing field is its zero value and never an error.
 */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function fieldOf(value: unknown, key: string): unknown {
  return isObject(value) ? value[key] : undefined;
}

export function textOf(value: unknown, key: string): string {
  const field = fieldOf(value, key);
  return typeof field === 'string' ? field : typeof field === 'number' ? String(field) : '';
}

export function numberOf(value: unknown, key: string): number {
  const field = fieldOf(value, key);
  return typeof field === 'number' ? field : 0;
}

export function listOf(value: unknown, key?: string): readonly unknown[] {
  const list = key === undefined ? value : fieldOf(value, key);
  return Array.isArray(list) ? list : [];
}

/** `undefined` when the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // plain text: the caller shows it as it is
  }
}
