import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';

type Hook = (request: FastifyRequest, reply: FastifyReply, done: () => void) => void;

/** Lets a request with the right user and password pass; answers any other with 401. */
export function requirePassword({ user, password }: { user: string; password: string }): Hook {
  const expected = digest(`${user}:${password}`);
  return (request, reply, done) => {
    const given = credentialsOf(request.headers.authorization);
    if (timingSafeEqual(digest(given), expected)) return done();
    void reply
      .code(401)
      .header('www-authenticate', 'Basic realm="Restricted"')
      .type('text/plain; charset=utf-8')
      .send('invalid credentials');
  };
}

/**
 * Refuses changes that another site's page asks for: a browser adds the password it remembers to those as well.
 * Browsers name the origin of such requests (Fetch Metadata); other clients send no such header and pass.
 */
export const refuseForeignPages: Hook = (request, reply, done) => {
  const site = request.headers['sec-fetch-site'];
  const isForeign = site !== undefined && site !== 'same-origin' && site !== 'none';
  if (!isForeign || request.method === 'GET' || request.method === 'HEAD') return done();
  void reply
    .code(403)
    .type('text/plain; charset=utf-8')
    .send('a page of another site may not change anything here');
};

/** Digests have one length, so that comparing them takes the same time whatever was sent. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function credentialsOf(header: string | undefined): string {
  const token = /^basic +(\S+) *$/i.exec(header ?? '')?.[1] ?? '';
  return Buffer.from(token, 'base64').toString();
}
