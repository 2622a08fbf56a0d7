import { isIPv4 } from 'node:net';

/** Does only this machine reach what listens on `host`? */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
