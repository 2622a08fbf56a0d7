import { describe, expect, it } from 'vitest';
import { fromDocker } from '../../../../src/functions/swarm/docker-errors.ts';

/** As dockerode throws: status and Docker's words in one message. */
function refusal(statusCode: number, words: string): Error {
  return Object.assign(new Error(`(HTTP code ${statusCode}) server error - ${words} `), { statusCode });
}

const translate = (thrown: unknown) => fromDocker(thrown, { doing: 'do it', at: '/docker.sock' });

describe('what Docker says', () => {
  it.each([
    [503, 'This node is not a swarm manager. Use "docker swarm init"', 'UNSUPPORTED'],
    [500, 'rpc error: code = Unknown desc = The swarm does not have a leader.', 'UNREACHABLE'],
    [500, 'rpc error: code = DeadlineExceeded desc = context deadline exceeded', 'UNREACHABLE'],
    [409, 'rpc error: code = AlreadyExists desc = name conflicts: service x already exists', 'CONFLICT'],
    [500, 'rpc error: code = Unknown desc = update out of sequence', 'CONFLICT'],
    [
      400,
      "rpc error: code = InvalidArgument desc = secret 'x' is in use by the following service: y",
      'CONFLICT',
    ],
    [400, 'rpc error: code = InvalidArgument desc = secret not found: x', 'INVALID'],
    [500, 'rpc error: code = Unknown desc = constraint expected one operator from ==, !=', 'INVALID'],
    [500, 'network nowhere not found', 'INVALID'],
    [404, 'service x not found', 'NOT_FOUND'],
    [500, 'something else', 'UNREACHABLE'],
  ] as const)('%i "%s" is %s', (status, words, code) => {
    const error = translate(refusal(status, words));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^Docker refused to do it: (?!rpc)/);
    expect(error.message).not.toContain('HTTP code');
  });

  it('is UNREACHABLE with the socket named when it says nothing', () => {
    const error = translate(Object.assign(new Error('connect ENOENT /docker.sock'), { code: 'ENOENT' }));
    expect(error.code).toBe('UNREACHABLE');
    expect(error.message).toContain('/docker.sock');
  });

  it('is translated once', () => {
    const error = translate(refusal(404, 'no such service'));
    expect(translate(error)).toBe(error);
  });
});
