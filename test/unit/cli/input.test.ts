import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { askHidden, openPrompt, readStdinText } from '../../../src/cli/input.ts';
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

describe('a prompt', () => {
  function prompting(typed: string) {
    const stdin = new PassThrough();
    const stderr = new TextSink();
    const interruption = new AbortController();
    const prompt = openPrompt({ stdin, stderr, signal: interruption.signal });
    stdin.write(typed);
    return { prompt, stdin, stderr, interruption };
  }

  it('gives lines that were typed ahead to the questions that follow', async () => {
    const { prompt, stderr } = prompting('one\r two \r');
    expect([await prompt.ask('First? '), await prompt.ask('Second? ')]).toEqual(['one', 'two']);
    expect(stderr.text).toContain('First? ');
    prompt.close();
  });

  it('is a usage error when nothing is typed but Ctrl-D', async () => {
    const { prompt } = prompting('\u0004');
    await expect(prompt.ask('First? ')).rejects.toMatchObject({ code: 'INVALID' });
  });

  it('ends with the reason of the interruption', async () => {
    const { prompt, interruption } = prompting('');
    const answer = prompt.ask('First? ');
    interruption.abort(new Error('Ctrl-C'));
    await expect(answer).rejects.toThrow('Ctrl-C');
  });

  it('can be followed by a hidden question', async () => {
    const { prompt, stdin, stderr, interruption } = prompting('yes\r');
    await prompt.ask('Go on? ');
    prompt.close();
    const answer = askHidden('Password: ', { stdin, stderr, signal: interruption.signal });
    stdin.write('hunter2\r');
    expect(await answer).toBe('hunter2');
  });
});

describe('standard input', () => {
  it('is read once only', async () => {
    const stdin = new PassThrough().end('value');
    expect(await readStdinText(stdin)).toBe('value');
    await expect(readStdinText(stdin)).rejects.toMatchObject({ code: 'INVALID' });
  });
});
