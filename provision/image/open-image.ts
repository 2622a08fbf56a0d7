import { BrambleError } from '../../src/support/errors.ts';
import { hideCredentials } from '../../src/support/hide-credentials.ts';
import { download } from './download/download.ts';
import type { DownloadProgress } from './download/receive.ts';
import type { Image } from './image.ts';
import { examine } from './packing/examine.ts';
import type { Packing } from './packing/packing.ts';
import { explainDamage, readImage } from './read-image.ts';
import { measureFile } from './stored-file.ts';
import type { StoredImage } from './stored-image.ts';

export interface ImageOptions {
  /** A path, or the address of a download. */
  readonly source: string;
  /** Of the file as it is stored, 64 hexadecimal digits. */
  readonly sha256?: string | undefined;
  /** Of the unpacked image. */
  readonly extractedSha256?: string | undefined;
  /** Where downloads are kept. */
  readonly cacheFolder: string;
  /** Ends a download. */
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

/**
 * Finds the image, downloads it unless that was done before, and finds out how it is packed. Nothing stays open.
 * What a download is compared with is the configured SHA-256, else the one that its publisher keeps beside it.
 */
export async function openImage(options: ImageOptions): Promise<Image> {
  const stored = await locate(options);
  const storedBytes = await measureFile(stored.path);
  const packing = await examine(stored, storedBytes).catch(async (err) => {
    throw await explainDamage(err, { stored, storedBytes, readBytes: 0 });
  });
  const isVerified = stored.isVouched || options.extractedSha256 !== undefined;
  if (!isVerified) refuseSilentDamage(stored, packing);
  const remarks = isVerified ? stored.remarks : [...stored.remarks, unverified(stored)];
  return readImage(stored, { storedBytes, packing, remarks, extractedSha256: options.extractedSha256 });
}

async function locate({ source, sha256, ...options }: ImageOptions): Promise<StoredImage> {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(source))
    return { path: source, name: source, sha256, isVouched: sha256 !== undefined, remarks: [] };
  if (!/^https?:/i.test(source) || !URL.canParse(source))
    throw new BrambleError(
      'INVALID',
      `${hideCredentials(source)} is no address that can be downloaded; give a path, or an http or https address`,
    );
  return download(new URL(source), { ...options, sha256 });
}

function unverified({ name }: StoredImage): string {
  return `${name} is not verified: no SHA-256 of it is known; give one in the configuration`;
}

function refuseSilentDamage({ name }: StoredImage, { missing }: Packing): void {
  if (missing === undefined) return;
  throw new BrambleError(
    'UNSUPPORTED',
    `without the program ${missing} damage to ${name} would not be noticed; install ${missing}, or give the image's SHA-256 in the configuration`,
  );
}
