import { describe, expect, it } from 'vitest';
import { BrambleError } from '../../../src/support/errors.ts';
import { createLog } from '../../../src/support/log.ts';

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
});
