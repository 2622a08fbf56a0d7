import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitCommand } from '../../../src/functions/command.ts';

describe('a command line', () => {
  it.each([
    ['cat', ['cat']],
    ['  node   index.js ', ['node', 'index.js']],
    ['sh -c "echo hello"', ['sh', '-c', 'echo hello']],
    ['sh -c \'echo "$HOME"\'', ['sh', '-c', 'echo "$HOME"']],
    ['a\\ b c', ['a b', 'c']],
    ["printf ''", ['printf', '']],
    ['--name="a b"c', ['--name=a bc']],
    ["'a\\b'", ['a\\b']],
    ['', []],
  ])('%s is split at spaces, quotes group', (text, words) => {
    expect(splitCommand(text)).toEqual(words);
  });

  it('with an open quote is none', () => {
    expect(splitCommand('sh -c "echo')).toBeUndefined();
  });

  it('made of words in single quotes gives the same words', () => {
    fc.assert(
      fc.property(fc.array(fc.string().filter((word) => !word.includes("'"))), (words) => {
        expect(splitCommand(words.map((word) => `'${word}'`).join(' '))).toEqual(words);
      }),
    );
  });
});
