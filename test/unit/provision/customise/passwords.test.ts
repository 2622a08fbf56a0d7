import { describe, expect, it } from 'vitest';
import { hashPassword } from '../../../../provision/customise/passwords.ts';
import { BrambleError } from '../../../../src/support/errors.ts';

describe('hashPassword', () => {
  it('makes a SHA-512 crypt hash with many rounds, with another salt each time', () => {
    const hash = hashPassword('grüner Tee');
    expect(hash).toMatch(/^\$6\$rounds=100000\$[./0-9A-Za-z]{16}\$[./0-9A-Za-z]{86}$/);
    expect(hashPassword('grüner Tee')).not.toBe(hash);
  });

  it.each(['', 'two\nlines', 'a\0b'])('refuses %j, and does not say it', (password) => {
    expect(() => hashPassword(password)).toThrow(BrambleError);
    expect(() => hashPassword(password)).not.toThrow(/two|lines|a\0b/);
  });
});
