import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { BrambleError } from '../../../src/support/errors.ts';
import {
  type CachedFile,
  explainCacheFault,
  type Facts,
  readFacts,
  removeCached,
  writeFacts,
} from './cached-file.ts';
import { type Answer, shownUrl, type Web } from './web.ts';
import { explainStatus } from './web-status.ts';

export interface DownloadProgress {
  readonly receivedBytes: number;
  /** As far as the server tells it. */
  readonly totalBytes: number | undefined;
}

export interface ReceiveOptions {
  readonly url: URL;
  readonly file: CachedFile;
  /** Of the version that we have: unless there is another now, nothing is sent. */
  readonly kept: Facts | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

/**
 * Gets the whole of a file into its part, from where an earlier attempt ended if it is the same version still. Resolves to
 * what the server said of the version, or to `undefined` when it is the one that we have.
 */
export async function receive(web: Web, options: ReceiveOptions): Promise<Facts | undefined> {
  const { url, file, kept } = options;
  const begun = await findPart(file);
  const answer = await web.get(url, begun ? rangeOf(begun) : conditionsOf(kept));
  if (answer.status === 200) {
    await removeCached(file.partPath);
    const totalBytes = lengthOf(answer.header('content-length'));
    return save(answer, { ...options, facts: factsOf(answer), fromBytes: 0, totalBytes });
  }
  if (begun !== undefined && answer.status === 206) {
    const [, start, total] = contentRange.exec(answer.header('content-range') ?? '') ?? [];
    if (Number(start) === begun.bytes)
      return save(answer, {
        ...options,
        facts: begun.facts,
        fromBytes: begun.bytes,
        totalBytes: lengthOf(total),
      });
  }
  await answer.ignore();
  if (answer.status === 304 && kept !== undefined) return undefined;
  if (begun === undefined) throw explainStatus(answer.status, shownUrl(url));
  await removeCached(file.partPath); // it is no beginning of what they have, or they do not say
  return receive(web, options);
}

interface Part {
  readonly bytes: number;
  readonly facts: Facts;
}

/** What an interrupted download left. */
async function findPart({ partPath }: CachedFile): Promise<Part | undefined> {
  const facts = await readFacts(partPath);
  if (facts === undefined || validatorOf(facts) === undefined) return undefined;
  const { size } = await stat(partPath);
  return size === 0 ? undefined : { bytes: size, facts };
}

/** RFC 9110, 13.1.5: the rest is sent if the version is the same, else all. A weak tag would not do. */
function rangeOf({ bytes, facts }: Part): Record<string, string> {
  return { range: `bytes=${bytes}-`, 'if-range': validatorOf(facts) ?? '' };
}

function validatorOf({ etag, lastModified }: Facts): string | undefined {
  return etag === undefined || etag.startsWith('W/') ? lastModified : etag;
}

/** RFC 9110, 14.4: `bytes 1000-1999/2000`, where the last may be `*`. */
const contentRange = /^bytes (\d+)-\d+\/(\d+|\*)$/;

function conditionsOf(kept: Facts | undefined): Record<string, string> {
  if (kept?.etag !== undefined) return { 'if-none-match': kept.etag };
  return kept?.lastModified === undefined ? {} : { 'if-modified-since': kept.lastModified };
}

function factsOf(answer: Answer): Facts {
  const etag = answer.header('etag');
  const lastModified = answer.header('last-modified');
  return { ...(etag !== undefined && { etag }), ...(lastModified !== undefined && { lastModified }) };
}

function lengthOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

interface SaveOptions extends ReceiveOptions, Omit<DownloadProgress, 'receivedBytes'> {
  readonly facts: Facts;
  readonly fromBytes: number;
}

async function save(answer: Answer, options: SaveOptions): Promise<Facts> {
  const { file, facts, fromBytes, totalBytes, onProgress } = options;
  let receivedBytes = fromBytes;
  async function* counted() {
    for await (const piece of answer.body()) {
      receivedBytes += piece.length;
      onProgress?.({ receivedBytes, totalBytes });
      yield piece;
    }
  }
  try {
    if (fromBytes === 0) await writeFacts(file.partPath, facts); // first: an interruption has no time for it
    await pipeline(counted(), createWriteStream(file.partPath, { flags: fromBytes === 0 ? 'w' : 'a' }));
  } catch (err) {
    throw explainCacheFault(err, dirname(file.path)) ?? err;
  }
  if (totalBytes !== undefined && receivedBytes !== totalBytes)
    throw new BrambleError(
      'UNREACHABLE',
      `cannot download ${shownUrl(options.url)}: the server sent ${receivedBytes} of ${totalBytes} bytes; run this again`,
    );
  return facts;
}
