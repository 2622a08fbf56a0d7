import { BrambleError } from '../../support/errors.ts';
import type { Post } from './callback.ts';

/** `Post` over HTTP; redirects are not followed. */
export const postCallback: Post = async ({ url, headers, body }, { signal }) => {
  // 5 MB of memory: only where somebody asks for callbacks. Bundled, a CommonJS package has no names but `default`.
  const { default: undici } = await import('undici');
  try {
    const answer = await undici.request(url, { method: 'POST', headers: toRecord(headers), body, signal });
    await answer.body.dump();
    return answer.statusCode;
  } catch (cause) {
    throw new BrambleError('UNREACHABLE', `cannot post the callback to ${url}; is its receiver up?`, {
      cause,
    });
  }
};

function toRecord(
  headers: Readonly<Record<string, string | readonly string[]>>,
): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  );
}
