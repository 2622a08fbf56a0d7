/**
 * What travels between the agent and a worker: two lengths (32 bit, big-endian), a JSON head, a body of any bytes.
 * `functions/runtimes/` speaks the same in JavaScript and Python.
 */
const prefixBytes = 8;
/** Heads carry headers and a path; HTTP servers stop at 16 or 64 KiB of them. */
export const maxHeadBytes = 1_048_576;

export interface Frame {
  /** Parsed JSON, to be checked by who uses it. */
  readonly head: unknown;
  readonly body: Buffer;
}

/** The frame without its body, which is sent right after it, uncopied. */
export function encodeHead(head: unknown, bodyBytes: number): Buffer {
  const text = JSON.stringify(head);
  const headBytes = Buffer.byteLength(text);
  const buffer = Buffer.allocUnsafe(prefixBytes + headBytes);
  buffer.writeUInt32BE(headBytes, 0);
  buffer.writeUInt32BE(bodyBytes, 4);
  buffer.write(text, prefixBytes);
  return buffer;
}

/** Frames out of chunks as they come. Throws RangeError for a frame over the limits and SyntaxError for a bad head. */
export class FrameDecoder {
  readonly #maxBodyBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #wantedBytes = prefixBytes;

  constructor(maxBodyBytes: number) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const frames: Frame[] = [];
    while (this.#bytes >= this.#wantedBytes) {
      const frame = this.#take(this.#joined());
      if (frame !== undefined) frames.push(frame);
    }
    return frames;
  }

  /** Joined only when enough is there: joining at each chunk would copy a big body again and again. */
  #joined(): Buffer {
    const [first] = this.#chunks;
    const all = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  #take(buffer: Buffer): Frame | undefined {
    const headBytes = buffer.readUInt32BE(0);
    const bodyBytes = buffer.readUInt32BE(4);
    if (headBytes > maxHeadBytes) throw new RangeError(`head of ${headBytes} bytes is over ${maxHeadBytes}`);
    if (bodyBytes > this.#maxBodyBytes)
      throw new RangeError(`body of ${bodyBytes} bytes is over ${this.#maxBodyBytes}`);
    const end = prefixBytes + headBytes + bodyBytes;
    this.#wantedBytes = end;
    if (buffer.length < end) return undefined;
    const bodyStart = prefixBytes + headBytes;
    const frame = {
      head: JSON.parse(buffer.toString('utf8', prefixBytes, bodyStart)),
      body: buffer.subarray(bodyStart, end),
    };
    this.#keep(buffer.subarray(end));
    return frame;
  }

  #keep(rest: Buffer): void {
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
    this.#wantedBytes = prefixBytes;
  }
}
