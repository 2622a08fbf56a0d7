import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { askHidden, readStdinText } from '../../../src/cli/input.ts';
import { TextSink } from '../../support/cli-context.ts';

function terminal() {
  const stdin = new PassThrough();
  const stderr = new TextSink();
  const interruption = new AbortController();
  const answer = askHidden('Password: ', { stdin, stderr, signal: interruption.signal });
  return { stdin, stderr, interruption, answer };
}

describe('askHidden', () => {
  it('gives what was typed and never shows it', async () => {
    const { stdin, stderr, answer } = terminal();
    stdin.write('hunter2\r');
    expect(await answer).toBe('hunter2');
    expect(stderr.text).toBe('Password: \n');
  });

  it('is a usage error when nothing is typed but Ctrl-D', async () => {
    const { stdin, answer } = terminal();
    stdin.write('\u0004');
    await expect(answer).rejects.toMatchObject({ code: 'INVALID' });
  });

  it('ends with the reason of the interruption', async () => {
    const { interruption, answer } = terminal();
    interruption.abort(new Error('Ctrl-C'));
    await expect(answer).rejects.toThrow('Ctrl-C');
  });
});

describe('standard input', () => {
  it('is read once only', async () => {
    const stdin = new PassThrough().end('value');
    expect(await readStdinText(stdin)).toBe('value');
    await expect(readStdinText(stdin)).rejects.toMatchObject({ code: 'INVALID' });
  });
});
