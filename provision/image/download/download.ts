import { dirname } from 'node:path';
import { systemClock } from '../../../src/support/clock.system.ts';
import { BrambleError, toBrambleError } from '../../../src/support/errors.ts';
import { type Backoff, retry } from '../../../src/support/retry.ts';
import type { StoredImage } from '../stored-image.ts';
import {
  type CachedFile,
  completePart,
  explainCacheFault,
  type Facts,
  hashFile,
  placeInCache,
  readFacts,
  removeCached,
} from './cached-file.ts';
import { findPublishedSha256 } from './published-sha256.ts';
import { type DownloadProgress, receive } from './receive.ts';
import { openWeb, shownUrl, type Web } from './web.ts';

export interface DownloadOptions {
  readonly cacheFolder: string;
  /** From the configuration. */
  readonly sha256: string | undefined;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  readonly patience?: Patience | undefined;
}

export interface Patience extends Backoff {
  readonly attempts: number;
  /** How long a server may send nothing. */
  readonly stallMs: number;
}

/** A busy mirror, or a laptop that changes its network. */
const usualPatience: Patience = { attempts: 5, minMs: 1_000, maxMs: 10_000, stallMs: 30_000 };

/**
 * The file in the cache that an address stands for; it is downloaded unless the one there has the wanted SHA-256, or is the
 * server's version still. An interrupted download goes on where it was; nothing unverified or half gets the file's name.
 */
export async function download(url: URL, options: DownloadOptions): Promise<StoredImage> {
  const { cacheFolder, signal, sha256, patience = usualPatience } = options;
  signal.throwIfAborted();
  const file = await placeInCache(cacheFolder, url);
  const kept = await readFacts(file.path);
  if (kept !== undefined && sha256 !== undefined && kept.sha256 === sha256.toLowerCase())
    return describe(url, file, { ...kept, isVouched: true });
  const web = openWeb({ signal, stallMs: patience.stallMs });
  try {
    const now = await retry(() => update(web, { ...options, url, file, kept }), {
      ...patience,
      clock: systemClock,
      signal,
    });
    return describe(url, file, now);
  } catch (err) {
    if (kept === undefined || sha256 !== undefined || toBrambleError(err).code !== 'UNREACHABLE') throw err;
    const remark = `${shownUrl(url)} cannot be reached; the copy that was downloaded before is used`;
    return { ...describe(url, file, kept), remarks: [remark] };
  } finally {
    await web.close();
  }
}

interface UpdateOptions extends DownloadOptions {
  readonly url: URL;
  readonly file: CachedFile;
  readonly kept: Facts | undefined;
}

async function update(web: Web, options: UpdateOptions): Promise<Facts> {
  const { url, file, kept, signal } = options;
  const wanted = options.sha256?.toLowerCase() ?? (await findPublishedSha256(web, url));
  if (kept !== undefined && wanted === kept.sha256) return { ...kept, isVouched: true };
  const received = await receive(web, { ...options, kept: wanted === undefined ? kept : undefined });
  if (kept !== undefined && received === undefined) return kept;
  const sha256 = await hashFile(file.partPath, signal);
  if (wanted !== undefined && sha256 !== wanted) {
    await removeCached(file.partPath);
    throw wrongDownload(url, sha256, wanted);
  }
  const facts = { ...received, sha256, isVouched: wanted !== undefined };
  await completePart(file, facts).catch((err) => {
    throw explainCacheFault(err, dirname(file.path)) ?? err;
  });
  return facts;
}

function wrongDownload(url: URL, sha256: string, wanted: string): BrambleError {
  return new BrambleError(
    'IMAGE_BROKEN',
    `${shownUrl(url)} has the SHA-256 ${sha256} and should have ${wanted}; it was not kept: run this again, or correct the SHA-256 in the configuration`,
  );
}

function describe(url: URL, { path }: CachedFile, { sha256, isVouched = false }: Facts): StoredImage {
  return { path, name: shownUrl(url), sha256, isVouched, remarks: [], discard: () => removeCached(path) };
}
