import { type LookupAddress, promises } from 'node:dns';
import { BrambleError, messageOf } from '../support/errors.ts';

export type Lookup = (hostname: string, options: { all: true }) => Promise<readonly LookupAddress[]>;

/**
 * Every address behind a name. On a Swarm `tasks.control` is all tasks of the service `control`; the resolver of Docker
 * names only those that run, so the answer is not kept. Rejects UNREACHABLE when the name is unknown.
 */
export async function controlUrls(url: string, lookup: Lookup = promises.lookup): Promise<readonly string[]> {
  const { protocol, hostname, port } = new URL(url);
  const suffix = port === '' ? '' : `:${port}`;
  try {
    const found = await lookup(hostname.replace(/^\[(.*)\]$/, '$1'), { all: true });
    return found.map(
      ({ address, family }) => `${protocol}//${family === 6 ? `[${address}]` : address}${suffix}`,
    );
  } catch (cause) {
    throw new BrambleError(
      'UNREACHABLE',
      `no address is known for ${hostname} (${messageOf(cause)}); is the service control running, and is control.url right?`,
      { cause },
    );
  }
}
