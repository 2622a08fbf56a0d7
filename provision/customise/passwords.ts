import { randomBytes } from 'node:crypto';
import { encrypt } from 'unixcrypt';
import { BrambleError } from '../../src/support/errors.ts';

/** Twenty times the default of crypt(3), because the hash lies on a card that can be lost; a Pi 3 takes about a quarter of a second. */
const rounds = 100_000;
/** crypt(3) takes at most 16 characters of its own alphabet, which twelve bytes in base64 are, but for `+`. */
const saltBytes = 12;

/** SHA-512 crypt, as /etc/shadow has it: `$6$rounds=…$salt$hash`. Not deterministic. */
export function hashPassword(password: string): string {
  if (password === '' || /[\0\n\r]/.test(password))
    throw new BrambleError(
      'INVALID',
      'cannot hash the password: it is empty or has more than one line; choose another',
    );
  const salt = randomBytes(saltBytes).toString('base64').replaceAll('+', '.');
  return encrypt(password, `$6$rounds=${rounds}$${salt}`);
}
