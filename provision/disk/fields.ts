/** What a system's own program printed, before anything about it was checked: a wrong type reads as nothing, 0 or no. */
export type Fields = Readonly<Record<string, unknown>>;

export function recordsOf(value: unknown, key: string): Fields[] {
  const list = isRecord(value) ? value[key] : undefined;
  return Array.isArray(list) ? list.filter(isRecord) : [];
}

export function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value.trim() : '';
}

/** Also of a number written as text. */
export function countOf(value: unknown): number {
  const count = typeof value === 'string' ? Number(value) : value;
  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0 ? count : 0;
}

export function isSet(value: unknown): boolean {
  return value === true || value === 1 || value === '1';
}
