import { describe, expect, it } from 'vitest';
import { readAnswerHead } from '../../../../src/functions/process/answer-head.ts';

describe('the head of an answer', () => {
  it('is status and headers in lower case, without those of the connection', () => {
    const headers = { 'X-Own': 1, 'Set-Cookie': ['a=1', 'b=2'], Connection: 'close', 'Content-Length': '5' };
    expect(readAnswerHead({ status: 201, headers }, 'fn')).toEqual({
      status: 201,
      headers: { 'x-own': '1', 'set-cookie': ['a=1', 'b=2'] },
    });
  });

  it.each([
    [{}],
    [null],
    [{ status: 99 }],
    [{ status: 600 }],
    [{ status: '200' }],
    [{ status: 200, headers: { 'bad name': 'x' } }],
    [{ status: 200, headers: { name: 'line\nbreak' } }],
  ])('cannot be sent when it is %j', (head) => {
    expect(() => readAnswerHead(head, 'fn')).toThrow(/function "fn" gave an answer that cannot be sent/);
  });
});
