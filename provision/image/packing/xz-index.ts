import { readAt } from '../stored-file.ts';

// The .xz File Format 1.2.0, https://tukaani.org/xz/xz-file-format.txt

/** Sections 2.1.1 and 2.1.2: header and footer of a stream are equally long; the one begins, the other ends with a mark. */
const edgeBytes = 12;
const headerMark = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);
const footerMark = 'YZ';
/** More than a million blocks: no image has them, and it is read at once. */
const maxIndexBytes = 16 * 1024 * 1024;

/**
 * Length of the unpacked image, which stands in the index at the end of each stream (section 4); `undefined` when the file does
 * not end as one must, which one that is cut off does not.
 */
export async function readXzSize(path: string, storedBytes: number): Promise<number | undefined> {
  let sizeBytes = 0;
  for (let end = storedBytes; end > 0; ) {
    const footer = await readAt(path, Math.max(0, end - edgeBytes), edgeBytes);
    if (footer.length < edgeBytes) return undefined;
    if (footer.readUInt32LE(8) === 0) {
      end -= 4; // section 2.2: padding behind a stream is a multiple of four zeros
      continue;
    }
    const stream = await measureStream(path, end, footer);
    if (stream === undefined) return undefined;
    sizeBytes += stream.unpackedBytes;
    end -= stream.storedBytes;
  }
  return sizeBytes;
}

interface Lengths {
  readonly storedBytes: number;
  readonly unpackedBytes: number;
}

async function measureStream(path: string, end: number, footer: Buffer): Promise<Lengths | undefined> {
  const indexBytes = (footer.readUInt32LE(4) + 1) * 4;
  if (footer.toString('latin1', 10) !== footerMark || indexBytes > maxIndexBytes) return undefined;
  const indexStart = end - edgeBytes - indexBytes;
  if (indexStart < edgeBytes) return undefined;
  const blocks = sumBlocks(await readAt(path, indexStart, indexBytes));
  if (blocks === undefined) return undefined;
  const storedBytes = edgeBytes + blocks.storedBytes + indexBytes + edgeBytes;
  if (storedBytes > end) return undefined;
  const header = await readAt(path, end - storedBytes, headerMark.length);
  return header.equals(headerMark) ? { storedBytes, unpackedBytes: blocks.unpackedBytes } : undefined;
}

/** Section 4: a zero, the number of records, and for each block its length without padding and its unpacked length. */
function sumBlocks(index: Buffer): Lengths | undefined {
  const next = numbersOf(index);
  let storedBytes = 0;
  let unpackedBytes = 0;
  for (let blocks = next(); blocks > 0; blocks -= 1) {
    storedBytes += Math.ceil(next() / 4) * 4;
    unpackedBytes += next();
  }
  return Number.isSafeInteger(storedBytes + unpackedBytes) ? { storedBytes, unpackedBytes } : undefined;
}

/** Section 1.2: seven bits a byte, the lowest first; all but the last byte have the eighth bit set. NaN behind the end. */
function numbersOf(index: Buffer): () => number {
  let at = 1;
  return () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = index[at];
      if (byte === undefined) return Number.NaN;
      at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
}
