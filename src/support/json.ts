import { BrambleError, messageOf } from './errors.ts';

/** Parses text from outside; rejects INVALID with a sentence that names the line and column of the first fault. */
export function parseJson(text: string, { what }: { what: string }): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const at = findJsonFault(text);
    const before = text.slice(0, at).split('\n');
    const place = `position ${at} (line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1})`;
    const found =
      at >= text.length ? 'the text ends too early' : `found ${JSON.stringify(text.slice(at, at + 12))}`;
    throw new BrambleError('INVALID', `${what} is not JSON at ${place}: ${found}`, {
      cause,
      problems: [{ path: '', message: messageOf(cause) }],
    });
  }
}

type Expectation = 'value' | 'value or ]' | 'key' | 'key or }' | ':' | 'separator';

/** Where the first character stands that JSON (RFC 8259) does not allow there: the engine often leaves that out. */
function findJsonFault(text: string): number {
  const closers: string[] = [];
  let expected: Expectation = 'value';
  for (let at = skip(space, text, 0); ; at = skip(space, text, at)) {
    const first = text.charAt(at);
    const isScalar = !'{}[],:"'.includes(first);
    const next = step(isScalar ? 'scalar' : first, expected, closers);
    if (first === '' || next === undefined) return at;
    const end = isScalar ? skip(scalar, text, at) : first === '"' ? skipString(text, at) : at + 1;
    if (end < 0) return -end;
    if (end === at) return at;
    expected = next;
    at = end;
  }
}

const space = /[ \t\n\r]*/y;
const scalar = /(?:(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-]))?/y;

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  pattern.test(text);
  return pattern.lastIndex;
}

/** The index behind the closing quote; for a bad string, the negated index of what is wrong in it. */
function skipString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i += 1) {
    const character = text.charAt(i);
    if (character === '"') return i + 1;
    if (character < ' ') return -i;
    if (character !== '\\') continue;
    if (!/^(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.test(text.slice(i + 1, i + 6))) return -i;
    i += 1;
  }
  return -text.length;
}

/** What may follow `kind`; `undefined` when `kind` itself may not stand here. Keeps the stack of open brackets. */
function step(kind: string, expected: Expectation, closers: string[]): Expectation | undefined {
  const isEmptyEnd = (expected === 'value or ]' && kind === ']') || (expected === 'key or }' && kind === '}');
  if (isEmptyEnd || (expected === 'separator' && kind === closers.at(-1))) {
    closers.pop();
    return 'separator';
  }
  switch (expected) {
    case 'value':
    case 'value or ]':
      return afterValue(kind, closers);
    case 'key':
    case 'key or }':
      return kind === '"' ? ':' : undefined;
    case ':':
      return kind === ':' ? 'value' : undefined;
    case 'separator':
      if (kind !== ',') return undefined;
      if (closers.length === 0) return undefined;
      return closers.at(-1) === '}' ? 'key' : 'value';
    default:
      return expected satisfies never;
  }
}

function afterValue(kind: string, closers: string[]): Expectation | undefined {
  if (kind === '"' || kind === 'scalar') return 'separator';
  if (kind !== '{' && kind !== '[') return undefined;
  closers.push(kind === '{' ? '}' : ']');
  return kind === '{' ? 'key or }' : 'value or ]';
}
