import { fieldOf, textOf } from './json.ts';

/** The data of an event in one line, from the fields `data` and `data_base64` of CloudEvents' JSON format. */
export function renderData(event: unknown): string {
  const base64 = textOf(event, 'data_base64');
  if (base64 !== '') return `(${Buffer.from(base64, 'base64').length} bytes, not text)`;
  const data = fieldOf(event, 'data');
  return typeof data === 'string' ? data : (JSON.stringify(data) ?? '');
}
