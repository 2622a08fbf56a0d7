import { BrambleError, type ErrorCode, messageOf } from '../../support/errors.ts';

/**
 * What Docker says when it refuses, and what that means to our callers. Docker answers many wrong requests with 500, so
 * its words decide before its status does. Measured with Engines 20.10; the words have not changed since 1.13.
 */
const known: readonly { readonly words: RegExp; readonly code: ErrorCode; readonly advice: string }[] = [
  {
    words: /not a swarm manager|not part of a swarm/i,
    code: 'UNSUPPORTED',
    advice: 'ask a manager of the Swarm, or make this node one',
  },
  {
    words: /does not have a leader|context deadline exceeded|deadlineexceeded/i,
    code: 'UNREACHABLE',
    advice: 'the Swarm has no leader now; more than half of its managers must be up',
  },
  { words: /secret not found/i, code: 'INVALID', advice: 'create the secret first' },
  {
    words: /is in use by the following service/i,
    code: 'CONFLICT',
    advice: 'remove or update that first',
  },
  { words: /already exists/i, code: 'CONFLICT', advice: 'choose another name, or remove that first' },
  { words: /update out of sequence/i, code: 'CONFLICT', advice: 'somebody else changed it; try again' },
  {
    words: /InvalidArgument|invalid |constraint expected|network \S+ not found/i,
    code: 'INVALID',
    advice: 'change that and try again',
  },
];

const byStatus: Readonly<Record<number, ErrorCode>> = {
  400: 'INVALID',
  401: 'INVALID',
  403: 'INVALID',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
};

/** The one translation of what dockerode throws. `doing` completes "Docker refused to …". */
export function fromDocker(thrown: unknown, { doing, at }: { doing: string; at: string }): BrambleError {
  if (thrown instanceof BrambleError) return thrown;
  const status = statusOf(thrown);
  if (status === undefined)
    return new BrambleError(
      'UNREACHABLE',
      `cannot ${doing}: Docker at ${at} does not answer (${messageOf(thrown)}); is it running, and is its socket here?`,
      { cause: thrown },
    );
  const words = wordsOf(thrown);
  const match = known.find((one) => one.words.test(words));
  const advice = match === undefined ? '' : `; ${match.advice}`;
  return new BrambleError(
    match?.code ?? byStatus[status] ?? 'UNREACHABLE',
    `Docker refused to ${doing}: ${words}${advice}`,
    { cause: thrown },
  );
}

/** HTTP status of Docker's answer, if there was one. */
function statusOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !('statusCode' in thrown)) return undefined;
  return typeof thrown.statusCode === 'number' ? thrown.statusCode : undefined;
}

/** Without what dockerode and gRPC wrap around them. */
function wordsOf(thrown: unknown): string {
  return messageOf(thrown)
    .replace(/^\(HTTP code \d+\) [^-]*- /, '')
    .replace(/^rpc error: code = (\w+) desc = /, (_, code) =>
      code === 'InvalidArgument' ? 'invalid request: ' : '',
    )
    .trim();
}
