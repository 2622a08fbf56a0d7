import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BrambleError } from '../../../src/support/errors.ts';
import { parseJson } from '../../../src/support/json.ts';

const parse = (text: string) => parseJson(text, { what: 'text' });

function positionIn(text: string): number {
  try {
    parse(text);
  } catch (err) {
    if (err instanceof BrambleError && err.code === 'INVALID')
      return Number(/position (\d+) /.exec(err.message)?.[1]);
    throw err;
  }
  throw new Error(`${text} was taken`);
}

describe('parseJson', () => {
  it('gives what the text says', () => {
    expect(parse(' {"a":[1,true,null,"\\u0041"]} ')).toEqual({ a: [1, true, null, 'A'] });
  });

  it.each([
    ['', 0],
    ['{', 1],
    ['{"a": x}', 6],
    ['{"a":1,}', 7],
    ['{"a" 1}', 5],
    ['{1:2}', 1],
    ['[1 2]', 3],
    ['[1,]', 3],
    ['[1]]', 3],
    ['[1}', 2],
    ['01', 0],
    ['tru', 0],
    ['"a\nb"', 2],
    ['"a\\x"', 2],
    ['"abc', 4],
    ['\u00a0{}', 0],
  ])('says where %j breaks', (text, position) => {
    expect(positionIn(text)).toBe(position);
  });

  it('names line and column', () => {
    expect(() => parse('{\n  "a": b\n}')).toThrow(
      'text is not JSON at position 9 (line 2, column 8): found "b\\n}"',
    );
  });

  it('takes and refuses the same texts as the engine, and finds a place in all that it refuses', () => {
    const cut = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '}', 'x', '"', '\\', '1'))
      .map(([text, at, junk]) => {
        const index = at % (text.length + 1);
        return text.slice(0, index) + junk + text.slice(index + 1);
      });
    fc.assert(
      fc.property(fc.oneof(fc.string(), cut), (text) => {
        const isJson = succeeds(() => JSON.parse(text));
        if (isJson) expect(parse(text)).toEqual(JSON.parse(text));
        else expect(positionIn(text)).toSatisfy((position) => position >= 0 && position <= text.length);
      }),
      { numRuns: 2_000 },
    );
  });
});

function succeeds(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch {
    return false;
  }
}
