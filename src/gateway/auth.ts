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

/** Refuses changes that another site's page asks for: a browser adds the password it remembers to those as well. */
export const refuseForeignPages: Hook = (request, reply, done) => {
  if (request.method === 'GET' || request.method === 'HEAD' || !isForeign(request.headers)) return done();
  void reply
    .code(403)
    .type('text/plain; charset=utf-8')
    .send('a page of another site may not change anything here');
};

/**
 * Browsers tell where a request comes from by Fetch Metadata, but over plain HTTP to this machine only; to any other
 * Pi by the origin alone. Other clients send neither and pass.
 */
function isForeign({ 'sec-fetch-site': site, origin, host }: FetchHeaders): boolean {
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase();
}

type FetchHeaders = FastifyRequest['headers'];

/** Digests have one length, so that comparing them takes the same time whatever was sent. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function credentialsOf(header: string | undefined): string {
  const token = /^basic +(\S+) *$/i.exec(header ?? '')?.[1] ?? '';
  return Buffer.from(token, 'base64').toString();
}
