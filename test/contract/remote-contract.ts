import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { Remote } from '../../provision/remote/remote.ts';

const { signal } = new AbortController();

/**
 * What a Remote promises. The other end has the programs `printf`, `cat`, `sleep` and `false`; `open` gives one that was not used
 * before, and closes it when the test has finished.
 */
export function remoteContract(kind: string, open: () => Remote): void {
  describe(`a remote (${kind})`, () => {
    it('runs commands, whose arguments arrive as they are', async () => {
      const words = ['a b', "it's", '$HOME', '`id`', '"', '*', '', 'ünï', '-n', 'two\nlines', '\\'];
      const { stdout } = await open().run(['printf', '<%s>', ...words], { signal });
      expect(stdout).toBe(words.map((word) => `<${word}>`).join(''));
    });

    it.each([
      ['a text', () => 'in'],
      ['bytes', () => Buffer.from('in')],
      ['a stream', () => Readable.from([Buffer.from('i'), Buffer.from('n')])],
    ])('gives a command its input: %s', async (_, input) => {
      expect((await open().run(['cat'], { stdin: input(), signal })).stdout).toBe('in');
    });

    it('tells each line of output', async () => {
      const lines: string[] = [];
      await open().run(['cat'], { stdin: 'one\ntwo\n', onLine: (line) => lines.push(line), signal });
      expect(lines).toEqual(['one', 'two']);
    });

    it('rejects with the command when it fails, but for statuses that are answers', async () => {
      const remote = open();
      await expect(remote.run(['false'], { signal })).rejects.toThrow(
        expect.objectContaining({
          code: 'REMOTE_FAILED',
          message: expect.stringContaining('false ended with'),
        }),
      );
      expect((await remote.run(['false'], { accept: [1], signal })).status).toBe(1);
    });

    it('ends a command that takes too long', async () => {
      await expect(open().run(['sleep', '600'], { timeoutMs: 300, signal })).rejects.toThrow(
        expect.objectContaining({
          code: 'REMOTE_FAILED',
          message: expect.stringContaining('did not end within 0.3 s'),
        }),
      );
    });

    it('ends a command that is not wanted any more, and runs others after it', async () => {
      const remote = open();
      const giveUp = new AbortController();
      const running = remote.run(['sleep', '600'], { signal: giveUp.signal });
      giveUp.abort(new Error('given up'));
      await expect(running).rejects.toThrow('given up');
      expect((await remote.run(['printf', 'still here'], { signal })).stdout).toBe('still here');
    });

    it('is a pipe to a command', async () => {
      const stream = await open().pipe(['cat'], { signal });
      stream.end('there and back');
      expect(await text(stream)).toBe('there and back');
    });

    it('does nothing for who gave up before', async () => {
      const given = AbortSignal.abort(new Error('given up'));
      await expect(open().connect({ signal: given })).rejects.toThrow('given up');
    });

    it('may be closed again, and before it was used', async () => {
      const remote = open();
      await remote.close();
      await remote.connect({ signal });
      await remote.close();
      await remote.close();
    });
  });
}
