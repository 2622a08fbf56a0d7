/** POSIX.1-1988 (ustar), the part of it that files need: a header block of 512 bytes, then the content in whole blocks. */
const blockBytes = 512;
const nameAt = { offset: 0, length: 100 };
const modeAt = { offset: 100, length: 8 };
const sizeAt = { offset: 124, length: 12 };
const timeAt = { offset: 136, length: 12 };
const checksumAt = { offset: 148, length: 8 };
const typeAt = { offset: 156, length: 1 };
const magicAt = { offset: 257, length: 8 };
const prefixAt = { offset: 345, length: 155 };
type Field = typeof nameAt;

export interface TarFile {
  /** With slashes. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly isExecutable: boolean;
}

/** The same files always give the same bytes. */
export function packTar(files: readonly TarFile[]): Buffer {
  const blocks = files.flatMap(({ content, ...file }) => [
    tarHeader({ ...file, bytes: content.byteLength }),
    content,
    tarPadding(content.byteLength),
  ]);
  return Buffer.concat([...blocks, tarEnd]);
}

/** What comes after the last file. */
export const tarEnd = Buffer.alloc(2 * blockBytes);

/** What comes before the content of a file. */
export function tarHeader({
  path,
  bytes,
  isExecutable,
}: Omit<TarFile, 'content'> & { readonly bytes: number }): Buffer {
  const header = Buffer.alloc(blockBytes);
  const write = ({ offset, length }: Field, text: string) => header.write(text, offset, length, 'utf8');
  const number = (field: Field, value: number) =>
    write(field, value.toString(8).padStart(field.length - 1, '0'));
  const [prefix, name] = splitPath(path);
  write(nameAt, name);
  write(prefixAt, prefix);
  number(modeAt, isExecutable ? 0o755 : 0o644);
  number(sizeAt, bytes);
  number(timeAt, 0);
  write(typeAt, '0');
  write(magicAt, 'ustar\x0000');
  write(checksumAt, ' '.repeat(checksumAt.length));
  const sum = header.reduce((total, byte) => total + byte, 0);
  write(checksumAt, `${sum.toString(8).padStart(6, '0')}\0 `);
  return header;
}

/** And after it. */
export function tarPadding(bytes: number): Buffer {
  return Buffer.alloc((blockBytes - (bytes % blockBytes)) % blockBytes);
}

function splitPath(path: string): readonly [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= nameAt.length) return ['', path];
  const slash = path.lastIndexOf('/');
  const parts = [path.slice(0, slash), path.slice(slash + 1)] as const;
  if (
    slash > 0 &&
    Buffer.byteLength(parts[0]) <= prefixAt.length &&
    Buffer.byteLength(parts[1]) <= nameAt.length
  )
    return parts;
  throw new TypeError(`the path is too long for an archive: ${path}`);
}

/**
 * The files of an archive that are not larger than `maxBytes`, in its order; larger ones are passed over. Throws RangeError where
 * it is no archive, or ends too early.
 */
export async function* readTar(
  chunks: AsyncIterable<Uint8Array>,
  { maxBytes }: { readonly maxBytes: number },
): AsyncIterable<{ readonly path: string; readonly content: Buffer }> {
  for await (const { path, bytes, content } of streamTar(chunks)) {
    if (bytes > maxBytes) continue;
    const pieces: Buffer[] = [];
    for await (const piece of content) pieces.push(piece);
    yield { path, content: Buffer.concat(pieces) };
  }
}

export interface TarEntry {
  readonly path: string;
  readonly bytes: number;
  /** Can be read until the next entry is asked for; what was not read is passed over. */
  readonly content: AsyncIterable<Buffer>;
}

/** All files of an archive, one after the other, however large they are. Throws RangeError as `readTar` does. */
export async function* streamTar(chunks: AsyncIterable<Uint8Array>): AsyncIterable<TarEntry> {
  const reader = new Reader(chunks);
  for (;;) {
    const header = await reader.take(blockBytes);
    if (header.every((byte) => byte === 0)) return;
    if (textAt(header, magicAt).slice(0, 5) !== 'ustar') throw new RangeError('it is no tar archive');
    const bytes = Number.parseInt(textAt(header, sizeAt), 8);
    const isFile = ['0', ''].includes(textAt(header, typeAt));
    let left = bytes;
    if (isFile) {
      const [prefix, name] = [textAt(header, prefixAt), textAt(header, nameAt)];
      const content = async function* () {
        for (; left > 0; ) {
          const piece = await reader.some(left);
          left -= piece.length;
          yield piece;
        }
      };
      yield { path: prefix === '' ? name : `${prefix}/${name}`, bytes, content: content() };
    }
    await reader.skip(left + tarPadding(bytes).length);
  }
}

function textAt(header: Buffer, { offset, length }: Field): string {
  const field = header.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? length : end);
}

/** Cuts a stream of chunks into the pieces that are asked for. */
class Reader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async take(bytes: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let missing = bytes; missing > 0; ) {
      const part = await this.some(missing);
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }

  async skip(bytes: number): Promise<void> {
    for (let missing = bytes; missing > 0; ) missing -= (await this.some(missing)).length;
  }

  /** As many as are there, and `most` at the most. */
  async some(most: number): Promise<Buffer> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) throw new RangeError('it ends too early');
      this.#rest = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
    const part = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(most);
    return part;
  }
}
