import { describe } from 'vitest';
import { gzip } from '../../../../provision/image/packing/gzip.ts';
import { unpackXzByLibrary, unpackXzByProgram } from '../../../../provision/image/packing/xz.ts';
import { unpackZstdByLibrary, unpackZstdByProgram } from '../../../../provision/image/packing/zstd.ts';
import { unpackContract } from '../../../contract/unpack-contract.ts';
import { pack, whyNot } from '../../../support/packed-image.ts';

describe('gzip', () => {
  unpackContract('Node.js', {
    unpack: gzip.unpack,
    pack: (content) => pack('gzip', content, '-1'),
    detectsDamage: true,
  });
});

describe.skipIf(whyNot('xz'))(`xz${whyNot('xz')}`, () => {
  const packXz = (content: Buffer) => pack('xz', content, '-0');
  unpackContract('the program', { unpack: unpackXzByProgram, pack: packXz, detectsDamage: true });
  unpackContract('the library', { unpack: unpackXzByLibrary, pack: packXz, detectsDamage: true });
});

describe.skipIf(whyNot('zstd'))(`zstd${whyNot('zstd')}`, () => {
  const packZstd = (content: Buffer) => pack('zstd', content);
  unpackContract('the program', { unpack: unpackZstdByProgram, pack: packZstd, detectsDamage: true });
  unpackContract('the library', { unpack: unpackZstdByLibrary, pack: packZstd, detectsDamage: false });
});
