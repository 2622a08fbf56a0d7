import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { BrambleError, messageOf, systemCode } from '../../src/support/errors.ts';
import { readTar } from './tar.ts';

export interface ImageArchive {
  readonly path: string;
  /** SHA-256 of the image's configuration, hex: what Docker calls its id. */
  readonly id: string;
  /** As Debian names it: `arm64`, `armhf`, `amd64`. */
  readonly architecture: string;
}

/** Descriptions are far smaller, layers as a rule far larger. */
const maxDescriptionBytes = 256 * 1024;
const maxDescriptions = 1_000;
/** Docker's names (Go's), which are not Debian's where the word size is not the whole story. */
const debianNames: Readonly<Record<string, string>> = { arm: 'armhf', '386': 'i386' };

/** What `docker save` wrote, packed by gzip or not. Throws INVALID when it is not the archive of one image. */
export async function readImageArchive(path: string): Promise<ImageArchive> {
  const files = new Map<string, Buffer>();
  try {
    for await (const { path: name, content } of readTar(open(path), { maxBytes: maxDescriptionBytes })) {
      if (files.size < maxDescriptions) files.set(name, content);
    }
    const config = configIn(files);
    const { architecture = '' } = parse<{ architecture?: string }>(config);
    return {
      path,
      id: createHash('sha256').update(config).digest('hex'),
      architecture: debianNames[architecture] ?? architecture,
    };
  } catch (err) {
    const why = systemCode(err) === 'ENOENT' ? 'there is no such file' : messageOf(err);
    throw new BrambleError(
      'INVALID',
      `${path} is no archive of one image (${why}); make it with docker save --output ${path} IMAGE`,
      { cause: err },
    );
  }
}

function configIn(files: ReadonlyMap<string, Buffer>): Buffer {
  const manifest = files.get('manifest.json');
  if (manifest === undefined) throw new RangeError('it has no manifest.json');
  const images = parse<readonly { readonly Config?: string }[]>(manifest);
  const config = files.get(images[0]?.Config ?? '');
  if (images.length !== 1 || config === undefined) throw new RangeError(`it has ${images.length} images`);
  return config;
}

function parse<Shape>(json: Buffer): Shape {
  return JSON.parse(json.toString('utf8'));
}

/** RFC 1952, section 2.3.1. */
const gzipMagic = [0x1f, 0x8b];

async function* open(path: string): AsyncIterable<Uint8Array> {
  const magic = await firstBytes(path);
  const file = createReadStream(path, { highWaterMark: 1024 * 1024 });
  const isPacked = gzipMagic.every((byte, i) => magic[i] === byte);
  yield* isPacked ? unpacked(file) : file;
}

function unpacked(file: Readable): Readable {
  const gunzip = createGunzip();
  file.once('error', (err) => gunzip.destroy(err));
  return file.pipe(gunzip);
}

async function firstBytes(path: string): Promise<Buffer> {
  for await (const chunk of createReadStream(path, { end: gzipMagic.length - 1 })) return chunk;
  return Buffer.alloc(0);
}
