import { createGunzip } from 'node:zlib';
import { chunkBytes } from '../stored-file.ts';
import type { Packing } from './packing.ts';
import { throughStream } from './through.ts';

/**
 * RFC 1952. Several members one after the other are one image; each ends with a checksum. The length that stands there is modulo
 * 4 GiB, and of the last member only: no answer.
 */
export const gzip: Packing = {
  sizeBytes: undefined,
  unpack: (stored, signal) => throughStream(createGunzip({ chunkSize: chunkBytes }), stored, signal),
};
