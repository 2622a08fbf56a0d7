import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ImageOptions, openImage } from '../../../../provision/image/open-image.ts';
import { BrambleError } from '../../../../src/support/errors.ts';
import { duringTest } from '../../../support/during-test.ts';
import {
  collect,
  damageFile,
  pack,
  sha256Of,
  someImage,
  whyNot,
  zip,
} from '../../../support/packed-image.ts';

const { signal } = new AbortController();
const image = someImage();
const wrongSha256 = '0'.repeat(64);

function open(source: string, options: Partial<ImageOptions> = {}) {
  return openImage({ source, cacheFolder: 'unused', signal, ...options });
}

async function read(source: string, options: Partial<ImageOptions> = {}): Promise<Buffer> {
  return collect((await open(source, options)).chunks({ signal }));
}

/** A file with this content; its name tells nothing of its format. */
function fileWith(content: Uint8Array): string {
  const path = join(duringTest.folder(), 'download');
  writeFileSync(path, content);
  return path;
}

describe('an image that is not packed', () => {
  it('is given in chunks of 1 MiB, counts what was read, and can be read again', async () => {
    const opened = await open(fileWith(image));
    expect(opened).toMatchObject({ sizeBytes: image.length, storedBytes: image.length });
    const lengths: number[] = [];
    for await (const chunk of opened.chunks({ signal })) lengths.push(chunk.length);
    expect(lengths).toEqual([1_048_576, 1_048_576, 1_048_576, 512 + 77]);
    expect(opened.readBytes()).toBe(image.length);
    expect((await collect(opened.chunks({ signal }))).equals(image)).toBe(true);
  });

  it('is said to be unverified unless a SHA-256 is known', async () => {
    const path = fileWith(image);
    expect((await open(path)).remarks.join()).toContain('not verified');
    expect((await open(path, { sha256: sha256Of(image) })).remarks).toEqual([]);
    expect((await open(path, { extractedSha256: sha256Of(image) })).remarks).toEqual([]);
  });

  it('is compared with both SHA-256, in any case of letters, after its last chunk', async () => {
    const path = fileWith(image);
    const sha256 = sha256Of(image).toUpperCase();
    expect((await read(path, { sha256, extractedSha256: sha256 })).equals(image)).toBe(true);
    for (const wrong of [{ sha256: wrongSha256 }, { extractedSha256: wrongSha256 }]) {
      let givenBytes = 0;
      const reading = async () => {
        for await (const chunk of (await open(path, wrong)).chunks({ signal })) givenBytes += chunk.length;
      };
      await expect(reading()).rejects.toMatchObject({
        code: 'IMAGE_BROKEN',
        message: expect.stringContaining(wrongSha256),
      });
      expect(givenBytes).toBe(image.length);
    }
  });

  it('rejects with the reason when it is aborted', async () => {
    const abort = new AbortController();
    const opened = await open(fileWith(image));
    const reason = new BrambleError('CANCELLED', 'enough');
    const reading = async () => {
      for await (const _ of opened.chunks({ signal: abort.signal })) abort.abort(reason);
    };
    await expect(reading()).rejects.toBe(reason);
  });
});

describe('what is no image', () => {
  it.each([
    ['a text', Buffer.from('# Notes\n'), 'INVALID', 'no partition table'],
    ['an empty file', Buffer.alloc(0), 'INVALID', 'is empty'],
    ['a file of zeros', Buffer.alloc(4_096), 'INVALID', 'no partition table'],
    ['a gzip without an image in it', pack('gzip', Buffer.from('text')), 'INVALID', 'no partition table'],
    ['a gzip of nothing', pack('gzip', Buffer.alloc(0)), 'INVALID', 'no partition table'],
  ])('is refused: %s', async (_, content, code, words) => {
    await expect(read(fileWith(content))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    });
  });

  it('is refused: a folder, a path with nothing there, an address of another kind', async () => {
    const folder = duringTest.folder();
    await expect(open(folder)).rejects.toMatchObject({ code: 'INVALID' });
    await expect(open(join(folder, 'none.img'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(open('ftp://me:secret@example.org/x.img')).rejects.toSatisfy(
      (err) => err instanceof BrambleError && err.code === 'INVALID' && !err.message.includes('secret'),
    );
  });
});

const programs = ['xz', 'zstd', 'zip'] as const;

describe.skipIf(whyNot(...programs))(`packed images${whyNot(...programs)}`, () => {
  const inZip = (...args: string[]) => zip(duringTest.folder(), { 'raspios.img': image }, ...args);
  const packings: readonly { name: string; make: () => string; tellsSize: boolean }[] = [
    { name: '.gz', make: () => fileWith(pack('gzip', image)), tellsSize: false },
    { name: '.xz', make: () => fileWith(pack('xz', image, '-0')), tellsSize: true },
    { name: '.xz with many blocks', make: () => fileWith(xzInBlocks()), tellsSize: true },
    { name: '.zst', make: () => zstdOfFile(), tellsSize: true },
    { name: '.zst made in a pipe', make: () => fileWith(pack('zstd', image)), tellsSize: false },
    { name: '.zip', make: () => inZip(), tellsSize: true },
    { name: '.zip without compression', make: () => inZip('-0'), tellsSize: true },
    { name: '.zip with 64-bit lengths', make: () => inZip('-fz'), tellsSize: true },
  ];

  describe.each(packings)('$name', ({ make, tellsSize }) => {
    it('gives the image, and its length beforehand where the format has it', async () => {
      const path = make();
      const opened = await open(path);
      expect(opened.sizeBytes).toBe(tellsSize ? image.length : undefined);
      const checked = { sha256: sha256OfFile(path), extractedSha256: sha256Of(image) };
      expect((await read(path, checked)).equals(image)).toBe(true);
    });

    it('is broken when it is cut off anywhere or has a wrong byte, and the file stays', async () => {
      for (const ratio of [0.999, 0.5, 0.01]) {
        const path = make();
        truncateSync(path, Math.ceil((await open(path)).storedBytes * ratio));
        await expect(read(path)).rejects.toMatchObject({ code: 'IMAGE_BROKEN' });
        expect((await read(path).catch((err) => err.message)).startsWith(path)).toBe(true);
      }
      const path = make();
      damageFile(path);
      await expect(read(path)).rejects.toMatchObject({ code: 'IMAGE_BROKEN' });
    });

    it('is compared with the SHA-256 of the file, and of what is in it', async () => {
      const path = make();
      await expect(read(path, { sha256: wrongSha256 })).rejects.toMatchObject({ code: 'IMAGE_BROKEN' });
      await expect(read(path, { extractedSha256: wrongSha256 })).rejects.toMatchObject({
        code: 'IMAGE_BROKEN',
      });
    });
  });

  it('.xz of several streams with padding between tells the length of all', async () => {
    const xz = pack('xz', image, '-0');
    const path = fileWith(Buffer.concat([xz, Buffer.alloc(8), xz, Buffer.alloc(4)]));
    expect((await open(path)).sizeBytes).toBe(2 * image.length);
    expect(await read(path)).toHaveLength(2 * image.length);
  });

  it('.zip with several .img files gives the largest', async () => {
    const files = {
      'README.txt': Buffer.from('read me'),
      'small.img': Buffer.alloc(512),
      'large.img': image,
    };
    expect((await read(zip(duringTest.folder(), files))).equals(image)).toBe(true);
  });

  it.each([
    ['no .img file', { 'a.txt': Buffer.from('a'), 'b.iso': Buffer.from('b') }, 'a.txt, b.iso'],
    ['two of the same size', { '1.img': image, '2.img': image }, '1.img, 2.img'],
  ])('.zip with %s is refused, and its files are named', async (_, files, names) => {
    await expect(open(zip(duringTest.folder(), files))).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringContaining(names),
    });
  });

  it('.zip with a password is refused', async () => {
    const path = zip(duringTest.folder(), { 'a.img': image }, '--password', 'secret');
    await expect(open(path)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  function zstdOfFile(): string {
    const path = fileWith(image);
    execFileSync('zstd', ['--quiet', path]);
    return `${path}.zst`;
  }

  function xzInBlocks(): Buffer {
    return pack('xz', image, '-0', '--block-size=500000');
  }
});

describe('where no programs are installed', () => {
  it.skipIf(whyNot('zstd'))(
    `.zst needs zstd, or a SHA-256 by which damage is noticed${whyNot('zstd')}`,
    async () => {
      const path = fileWith(pack('zstd', image));
      await withoutPrograms(async () => {
        await expect(open(path)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
        expect((await read(path, { sha256: sha256OfFile(path) })).equals(image)).toBe(true);
      });
      damageFile(path);
      await withoutPrograms(async () => {
        const reading = read(path, { extractedSha256: sha256Of(image) });
        await expect(reading).rejects.toMatchObject({ code: 'IMAGE_BROKEN' });
      });
    },
  );

  it.skipIf(whyNot('xz'))(
    `.xz is unpacked all the same, unless it is made for xz only${whyNot('xz')}`,
    async () => {
      const path = fileWith(pack('xz', image, '-0'));
      const forXz = fileWith(pack('xz', image, '--delta', '--lzma2=preset=0'));
      await withoutPrograms(async () => {
        expect((await read(path)).equals(image)).toBe(true);
        await expect(read(forXz)).rejects.toMatchObject({
          code: 'UNSUPPORTED',
          message: expect.stringContaining('install'),
        });
      });
    },
  );
});

/** Programs are looked for in the folders of PATH. */
async function withoutPrograms(run: () => Promise<void>): Promise<void> {
  const path = process.env.PATH;
  const empty = duringTest.folder();
  process.env.PATH = empty;
  try {
    await run();
  } finally {
    process.env.PATH = path;
  }
}

function sha256OfFile(path: string): string {
  return sha256Of(readFileSync(path));
}
