import { BrambleError, type ErrorCode } from '../../src/support/errors.ts';

/** What OpenSSH says when it could not connect, by what can be done about it. Its words are stable: others match them as well. */
const known: readonly { readonly pattern: RegExp; readonly code: ErrorCode; readonly advice: string }[] = [
  {
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    code: 'HOST_KEY_CHANGED',
    advice:
      'it shows another host key than the one that is known, so it may be another machine: nothing was sent to it. If its card was ' +
      'flashed elsewhere, take its lines out of the known-hosts file and confirm the new key',
  },
  {
    pattern: /No \S+ host key is known|Host key verification failed/,
    code: 'HOST_KEY_UNKNOWN',
    advice:
      'its host key is not known yet: flash its card with bramble flash, or confirm the key once with bramble trust',
  },
  {
    pattern: /Permission denied|Too many authentication failures|no such identity/i,
    code: 'UNAUTHORIZED',
    advice:
      'it takes none of our SSH keys: is the key of cluster.user.authorizedKeys in your agent (ssh-add -l), and the user right?',
  },
];

/** `text`: what `ssh` printed on standard error before it ended with status 255. */
export function toSshError(where: string, text: string): BrambleError {
  const lines = text
    .trim()
    .split('\n')
    .filter((line) => !/^[@*\s]*$/.test(line));
  const found = known.find(({ pattern }) => pattern.test(text));
  if (found !== undefined) return new BrambleError(found.code, `${where}: ${found.advice} (${lines.at(-1)})`);
  return new BrambleError(
    'UNREACHABLE',
    `${where} cannot be reached: ${lines.at(-1) ?? 'the connection ended'}; is it switched on, and on this network?`,
  );
}
