import { BrambleError } from '../../../src/support/errors.ts';

/** What an HTTP status that is no success means for a download. */
export function explainStatus(status: number, name: string): BrambleError {
  const answered = `cannot download ${name}: the server answered ${status}`;
  if (status === 401 || status === 403)
    return new BrambleError('UNAUTHORIZED', `${answered}; check the user and password in the address`);
  if (status === 407)
    return new BrambleError(
      'UNAUTHORIZED',
      `cannot download ${name}: the proxy wants a user and password; give them in http_proxy and https_proxy`,
    );
  if (status === 404 || status === 410)
    return new BrambleError('NOT_FOUND', `${answered}: it has no such file; check the address`);
  if (status >= 500 || status === 408 || status === 429)
    return new BrambleError('UNREACHABLE', `${answered}; try again later`);
  if (status >= 300 && status < 400)
    return new BrambleError(
      'INVALID',
      `${answered}: it redirects too often, or to nowhere; check the address`,
    );
  return new BrambleError('INVALID', `${answered}; check the address`);
}
