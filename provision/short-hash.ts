import { createHash } from 'node:crypto';

/** The beginning of a SHA-256: enough to tell versions of what we made ourselves apart. */
export function shortHash(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 12);
}
