import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readLines } from '../../../../src/functions/process/lines.ts';

async function linesOf(chunks: readonly (string | Buffer)[]): Promise<string[]> {
  const lines: string[] = [];
  const stream = Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
  readLines(stream, (line) => lines.push(line));
  await new Promise((resolve) => stream.once('close', resolve));
  return lines;
}

describe('lines of output', () => {
  it.each<[readonly (string | Buffer)[], string[]]>([
    [['a\nb\n'], ['a', 'b']],
    [
      ['a', 'b\nc'],
      ['ab', 'c'],
    ],
    [['a\r\nb\r\n'], ['a', 'b']],
    [['\n\n'], ['', '']],
    [[], []],
    [[Buffer.from([0xc3]), Buffer.from([0xa4, 0x0a])], ['ä']],
  ])('%j are %j', async (chunks, lines) => {
    expect(await linesOf(chunks)).toEqual(lines);
  });

  it('that have no end are cut', async () => {
    const lines = await linesOf(['x'.repeat(150_000)]);
    expect(lines.map(({ length }) => length)).toEqual([65_536, 65_536, 18_928]);
  });
});
