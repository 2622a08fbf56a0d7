import { describe, expect, it } from 'vitest';
import { findImage, loginFor } from '../../../../src/functions/swarm/image.ts';
import { BrambleError, type ErrorCode } from '../../../../src/support/errors.ts';
import { codeOf } from '../../../support/requests.ts';

/** What this node and the registry answer: a text, or the code of an error. */
function engine(local: string, remote: string) {
  const answer = async (text: string) => {
    if (/^[A-Z_]+$/.test(text)) throw new BrambleError(text as ErrorCode, `it said ${text}`); // written out below
    return text;
  };
  return { imageId: () => answer(local), registryDigest: () => answer(remote) };
}

describe('the image of a function', () => {
  it('is pinned to the digest that its registry has now', async () => {
    const { image } = await findImage(engine('NOT_FOUND', 'sha256:1'), 'hello', undefined);
    expect(image).toBe('hello:latest@sha256:1');
    const found = await findImage(engine('sha256:9', 'sha256:1'), 'reg:5000/hello:2', undefined);
    expect(found.image).toBe('reg:5000/hello:2@sha256:1');
  });

  it('is told by its id when only the node has it', async () => {
    expect(await findImage(engine('sha256:9', 'UNREACHABLE'), 'hello', undefined)).toEqual({
      image: 'hello',
      imageId: 'sha256:9',
    });
  });

  it('is refused when nobody has it, and when its name is none', async () => {
    expect(await codeOf(findImage(engine('NOT_FOUND', 'UNREACHABLE'), 'hello', undefined))).toBe('INVALID');
    expect(await codeOf(findImage(engine('UNREACHABLE', 'UNREACHABLE'), 'hello', undefined))).toBe(
      'UNREACHABLE',
    );
    for (const name of ['a/../b', 'a?b', 'a b', '/a', 'a//b', ''])
      expect(await codeOf(findImage(engine('x', 'y'), name, undefined))).toBe('INVALID');
  });

  it('is asked for with the function’s login, or else with that of its registry', () => {
    const configured = {
      'reg:5000': { username: 'u', password: 'p' },
      'docker.io': { username: 'hub', password: 'h' },
    };
    const login = (image: string, registryAuth?: string) =>
      loginFor({ service: 'f', image, ...(registryAuth === undefined ? {} : { registryAuth }) }, configured);
    expect(login('reg:5000/a/b:1')?.username).toBe('u');
    expect(login('library/a')?.username).toBe('hub');
    expect(login('other.example/a')).toBeUndefined();
    expect(login('a', Buffer.from('me:pass:word').toString('base64'))).toEqual({
      username: 'me',
      password: 'pass:word',
    });
    expect(() => login('a', 'bm90aGluZw==')).toThrow(/registryAuth/);
  });
});
