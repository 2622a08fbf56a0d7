import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';
import { BrambleError } from '../../src/support/errors.ts';
import { inChunks } from '../image/in-chunks.ts';

/**
 * Encryption with a passphrase in the format of age (age-encryption.org/v1, C2SP), which its own program reads and writes as well:
 * `age --decrypt`. What is encrypted is never all in memory.
 */
const intro = 'age-encryption.org/v1';
const scryptLabel = `${intro}/scrypt`;
const macMark = '---';
const fileKeyBytes = 16;
const saltBytes = 16;
const nonceBytes = 16;
const chunkBytes = 65_536;
const tagBytes = 16;
/** What age itself takes: a quarter of a gigabyte, for about a second. */
const workFactor = 18;
/** Of a file of others: four gigabytes would be asked for above it. */
const maxWorkFactor = 20;
/** A header of this kind has some 200 bytes. */
const maxHeaderBytes = 1024;

type Chunks = AsyncIterable<Uint8Array>;

/** The encrypted file, piece by piece. */
export async function* encryptWithPassphrase(
  content: Chunks,
  passphrase: string,
  { work = workFactor }: { readonly work?: number } = {},
): AsyncIterable<Buffer> {
  const fileKey = randomBytes(fileKeyBytes);
  const salt = randomBytes(saltBytes);
  const wrapped = seal(await stretch(passphrase, salt, work), noNonce, fileKey);
  const head = `${intro}\n-> scrypt ${toBase64(salt)} ${work}\n${toBase64(wrapped)}\n${macMark}`;
  const nonce = randomBytes(nonceBytes);
  yield Buffer.concat([Buffer.from(`${head} ${toBase64(macOf(fileKey, head))}\n`), nonce]);
  const key = payloadKey(fileKey, nonce);
  for await (const { chunk, nonce } of numbered(inChunks(content, chunkBytes))) yield seal(key, nonce, chunk);
}

/** The reverse. Rejects UNAUTHORIZED when the passphrase is another one, INVALID for what is no such file, or was cut or changed. */
export async function* decryptWithPassphrase(file: Chunks, passphrase: string): AsyncIterable<Buffer> {
  const { header, nonce, rest } = await splitHeader(file);
  const key = payloadKey(await openHeader(header, passphrase), nonce);
  let isFirst = true;
  for await (const { chunk, nonce } of numbered(inChunks(rest, chunkBytes + tagBytes))) {
    const opened = unseal(key, nonce, chunk);
    if (opened === undefined || (opened.length === 0 && !isFirst)) throw broken();
    isFirst = false;
    yield opened;
  }
}

/** What comes before the chunks: three lines with the wrapped key, one with their seal, and the nonce. */
async function splitHeader(file: Chunks): Promise<{ header: string; nonce: Buffer; rest: Chunks }> {
  const pieces = file[Symbol.asyncIterator]();
  let start = Buffer.alloc(0);
  for (;;) {
    const end = endOfHeader(start);
    if (end !== undefined && start.length >= end + nonceBytes) {
      const header = start.toString('latin1', 0, end);
      const nonce = start.subarray(end, end + nonceBytes);
      return { header, nonce, rest: andThen(start.subarray(end + nonceBytes), pieces) };
    }
    const { done, value } = await pieces.next();
    if (done || (end === undefined && start.length > maxHeaderBytes)) throw broken();
    start = Buffer.concat([start, value]);
  }
}

function endOfHeader(start: Buffer): number | undefined {
  const mark = start.indexOf(`\n${macMark} `);
  const end = mark === -1 ? -1 : start.indexOf('\n', mark + 1);
  return end === -1 ? undefined : end + 1;
}

async function* andThen(first: Buffer, pieces: AsyncIterator<Uint8Array>): Chunks {
  if (first.length > 0) yield first;
  for (let piece = await pieces.next(); !piece.done; piece = await pieces.next()) yield piece.value;
}

const headerPattern = new RegExp(
  String.raw`^(${intro}\n-> scrypt ([\w+/]{22}) ([1-9]\d?)\n([\w+/]{43})\n${macMark}) ([\w+/]{43})\n$`,
);

async function openHeader(header: string, passphrase: string): Promise<Buffer> {
  const [, head = '', salt = '', work = '', wrapped = '', mac = ''] = headerPattern.exec(header) ?? [];
  if (head === '' || Number(work) > maxWorkFactor) throw broken();
  const wrapKey = await stretch(passphrase, Buffer.from(salt, 'base64'), Number(work));
  const fileKey = unseal(wrapKey, noNonce, Buffer.from(wrapped, 'base64'));
  if (fileKey === undefined) throw new BrambleError('UNAUTHORIZED', 'this password does not open the backup');
  if (!timingSafeEqual(macOf(fileKey, head), Buffer.from(mac, 'base64'))) throw broken();
  return fileKey;
}

function broken(): BrambleError {
  return new BrambleError('INVALID', 'this is no backup, or it was cut or changed');
}

function stretch(passphrase: string, salt: Buffer, work: number): Promise<Buffer> {
  const N = 2 ** work;
  const options = { N, r: 8, p: 1, maxmem: 2 * 128 * N * 8 };
  return new Promise((resolve, reject) => {
    scrypt(passphrase, Buffer.concat([Buffer.from(scryptLabel), salt]), 32, options, (err, key) =>
      err === null ? resolve(key) : reject(err),
    );
  });
}

function macOf(fileKey: Buffer, head: string): Buffer {
  const key = Buffer.from(hkdfSync('sha256', fileKey, '', 'header', 32));
  return createHmac('sha256', key).update(head).digest();
}

function payloadKey(fileKey: Buffer, nonce: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32));
}

const cipher = 'chacha20-poly1305';
const cipherOptions = { authTagLength: tagBytes };
const noNonce = Buffer.alloc(12);

function seal(key: Buffer, nonce: Buffer, plain: Uint8Array): Buffer {
  const sealing = createCipheriv(cipher, key, nonce, cipherOptions);
  return Buffer.concat([sealing.update(plain), sealing.final(), sealing.getAuthTag()]);
}

/** `undefined` when it was not sealed with this key and nonce. */
function unseal(key: Buffer, nonce: Buffer, sealed: Uint8Array): Buffer | undefined {
  if (sealed.byteLength < tagBytes) return undefined;
  const end = sealed.byteLength - tagBytes;
  const opening = createDecipheriv(cipher, key, nonce, cipherOptions).setAuthTag(sealed.subarray(end));
  try {
    return Buffer.concat([opening.update(sealed.subarray(0, end)), opening.final()]);
  } catch {
    return undefined;
  }
}

/** Each chunk with its nonce: its number in eleven bytes, and a byte that tells the last from the others. One at least. */
async function* numbered(chunks: Chunks): AsyncIterable<{ chunk: Uint8Array; nonce: Buffer }> {
  const nonceOf = (index: number, isLast: boolean) => {
    const nonce = Buffer.alloc(12);
    nonce.writeUIntBE(index, 5, 6);
    nonce.writeUInt8(isLast ? 1 : 0, 11);
    return nonce;
  };
  let index = 0;
  let held: Uint8Array | undefined;
  for await (const chunk of chunks) {
    if (held !== undefined) yield { chunk: held, nonce: nonceOf(index++, false) };
    held = chunk;
  }
  yield { chunk: held ?? Buffer.alloc(0), nonce: nonceOf(index, true) };
}

/** Without the padding. */
function toBase64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
