import { BrambleError, type ErrorCode, messageOf, systemCode } from '../../src/support/errors.ts';

/** What OpenSSH says when it could not connect, by what can be done about it. Its words are stable: others match them as well. */
const known: readonly {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly advice: string;
  /** Where it was the jump host that said it, which the user has made known to `ssh` and not to us. */
  readonly ofJump: string;
}[] = [
  {
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED/,
    code: 'HOST_KEY_CHANGED',
    advice:
      'it shows another host key than the one that is known, so it may be another machine: nothing was sent to it. If its card was ' +
      'flashed elsewhere, take its lines out of the known-hosts file and confirm the new key',
    ofJump: 'shows another host key than the one in ~/.ssh/known_hosts, so it may be another machine',
  },
  {
    pattern: /No \S+ host key is known|Host key verification failed/,
    code: 'HOST_KEY_UNKNOWN',
    advice:
      'its host key is not known yet: flash its card with bramble flash, or confirm the key once with bramble trust',
    ofJump: 'has a host key that is not in ~/.ssh/known_hosts; ssh to it once to confirm that',
  },
  {
    pattern: /Permission denied|Too many authentication failures|no such identity/i,
    code: 'UNAUTHORIZED',
    advice:
      'it takes none of our SSH keys: is the key of cluster.user.authorizedKeys in your agent (ssh-add -l), and the user right?',
    ofJump:
      'takes none of your SSH keys; those of your agent and of ~/.ssh/config are offered to it (ssh-add -l)',
  },
];

/** Of the way through a jump host it is the last line of `ssh`; what befell the way was said before. */
const brokenOff = /^kex_exchange_identification: .*closed|UNKNOWN port/;
/** All that is said of a jump host, or of what is behind it, that is silent. */
const silent = /timed out during banner exchange/;
/** By a jump host that answers, and does not reach what is behind it. */
const notBehind = /stdio forwarding failed|open failed: /;

/** `text`: what `ssh` printed on standard error before it ended with status 255. */
export function toSshError(
  where: string,
  text: string,
  { jump }: { readonly jump?: string | undefined } = {},
): BrambleError {
  const lines = text
    .trim()
    .split('\n')
    .filter((line) => !/^[@*\s]*$/.test(line));
  const [first = ''] = lines;
  const last = lines.at(-1) ?? 'the connection ended';
  if (lines.length > 1 ? brokenOff.test(last) : jump !== undefined && silent.test(last))
    return toJumpError(where, text, { first, host: jump === undefined ? 'jump host' : `jump host ${jump}` });
  const found = known.find(({ pattern }) => pattern.test(text));
  if (found !== undefined) return new BrambleError(found.code, `${where}: ${found.advice} (${last})`);
  return new BrambleError(
    'UNREACHABLE',
    `${where} cannot be reached: ${last}; is it switched on, and on this network?`,
  );
}

function toJumpError(
  where: string,
  text: string,
  { first, host }: { readonly first: string; readonly host: string },
): BrambleError {
  const fail = (code: ErrorCode, why: string) =>
    new BrambleError(code, `${where} cannot be reached: ${why} (${first})`);
  const found = known.find(({ pattern }) => pattern.test(text));
  if (found !== undefined) return fail(found.code, `the ${host} ${found.ofJump}`);
  if (notBehind.test(text))
    return fail('UNREACHABLE', `the ${host} does not reach it; is it switched on, and on that network?`);
  return fail('UNREACHABLE', `the ${host} on the way to it does not answer; is that switched on?`);
}

/** Of the program itself. */
export function cannotRun(cause: unknown): BrambleError {
  const why = systemCode(cause) === 'ENOENT' ? 'it is not installed here' : messageOf(cause);
  return new BrambleError('UNSUPPORTED', `cannot run the ssh program: ${why}; install OpenSSH's client`, {
    cause,
  });
}
