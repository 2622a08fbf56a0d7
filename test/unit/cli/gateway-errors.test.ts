import { describe, expect, it } from 'vitest';
import { errorFromAnswer } from '../../../src/cli/gateway-errors.ts';

const what = 'GET /system/functions';

describe('errorFromAnswer', () => {
  it('takes code, message and problems as our gateway gives them', () => {
    const problems = [{ path: 'image', message: 'is required' }];
    const body = JSON.stringify({
      error: { code: 'INVALID', message: 'request body is not valid', problems },
    });
    const error = errorFromAnswer({ status: 400, code: 'INVALID', body, what });
    expect(error).toMatchObject({ code: 'INVALID', message: 'request body is not valid', problems, exit: 2 });
  });

  it('takes the code of the header when the body is plain text', () => {
    const error = errorFromAnswer({ status: 503, code: 'BUS_OFFLINE', body: 'no broker', what });
    expect(error).toMatchObject({ code: 'BUS_OFFLINE', message: 'no broker', exit: 8 });
  });

  it.each([
    [400, 'INVALID', 2],
    [401, 'UNAUTHORIZED', 3],
    [404, 'NOT_FOUND', 4],
    [409, 'CONFLICT', 5],
    [429, 'BUSY', 6],
    [502, 'UNREACHABLE', 8],
    [507, 'STORE_FULL', 9],
    [500, 'INTERNAL', 1],
    [418, 'INTERNAL', 1],
  ])('reads status %i of another gateway as %s', (status, code, exit) => {
    const error = errorFromAnswer({ status, body: 'Deployment error', what });
    expect(error).toMatchObject({ code, exit, message: expect.stringContaining('Deployment error') });
  });

  it('passes a sentence on as it is, and says of a defect where it happened', () => {
    const body = 'a defect in Bramble';
    expect(errorFromAnswer({ status: 404, body: 'no function x', what }).message).toBe('no function x');
    expect(errorFromAnswer({ status: 500, code: 'INTERNAL', body, what }).message).toBe(
      'GET /system/functions failed in the gateway: a defect in Bramble; its log may tell more',
    );
  });

  it('names the request when the gateway says nothing', () => {
    const { message } = errorFromAnswer({ status: 404, body: '', what });
    expect(message).toBe('GET /system/functions was answered with status 404');
  });

  it('does not believe in codes that are not in the table', () => {
    expect(errorFromAnswer({ status: 404, code: 'toString', body: '', what }).code).toBe('NOT_FOUND');
  });
});
