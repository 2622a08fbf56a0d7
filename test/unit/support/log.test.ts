import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BrambleError } from '../../../src/support/errors.ts';
import { createLog } from '../../../src/support/log.ts';
import { root } from '../../support/repo.ts';

function logged(err: unknown): Record<string, unknown> {
  const lines: string[] = [];
  createLog('warn', { write: (line) => void lines.push(line) }).warn({ err }, 'it went wrong');
  return JSON.parse(lines.join('')).err;
}

describe('createLog', () => {
  it('writes our own errors as code and message, without a stack', () => {
    expect(logged(new BrambleError('BUS_OFFLINE', 'no broker'))).toEqual({
      code: 'BUS_OFFLINE',
      message: 'no broker',
    });
  });

  it('names the problems of a refused input', () => {
    const problems = [{ path: 'a.b', message: 'is missing' }];
    expect(logged(new BrambleError('INVALID', 'bad', { problems }))).toMatchObject({ problems });
  });

  it('writes a defect with its stack', () => {
    expect(logged(new TypeError('oops'))).toMatchObject({ message: 'oops', stack: expect.any(String) });
    expect(logged(new BrambleError('INTERNAL', 'oops'))).toMatchObject({ stack: expect.any(String) });
  });

  it('writes what is thrown and is no error as it is', () => {
    expect(logged('a sentence')).toBe('a sentence');
  });

  it('lets the program go on when standard error takes no more', () => {
    const program = `
      const { createLog } = await import(process.argv[1]);
      const log = createLog('info');
      for (let line = 0; line < 3; line += 1) log.info({ line }, 'to a disk that is full');
      console.log('goes on');`;
    const full = openSync('/dev/full', 'w');
    const args = [
      '--import',
      'tsx',
      '--input-type=module',
      '--eval',
      program,
      join(root, 'src/support/log.ts'),
    ];
    const { stdout, status } = spawnSync(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', full],
      encoding: 'utf8',
    });
    closeSync(full);
    expect([stdout, status]).toEqual(['goes on\n', 0]);
  });
});
