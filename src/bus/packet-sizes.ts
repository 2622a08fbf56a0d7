import type { Socket } from 'node:net';

/** Ends a connection that announces a packet over the limit, which the parser would gather in memory. */
export function limitPackets(socket: Socket, maxPacketBytes: number): void {
  const sizes = new PacketSizes();
  const read = socket.read.bind(socket);
  socket.read = (size) => {
    const chunk: unknown = read(size);
    if (chunk instanceof Buffer && sizes.feed(chunk) > maxPacketBytes)
      socket.destroy(new Error(`a packet is over ${maxPacketBytes} bytes`));
    return chunk;
  };
}

/** Follows the framing of MQTT packets through a stream of bytes: type, length of the rest, the rest (MQTT 5, section 2.1). */
export class PacketSizes {
  #skip = 0;
  #isInLength = false;
  #length = 0;
  #shift = 0;

  /** The largest size that a packet whose header is in `chunk` announces; 0 if there is none. */
  feed(chunk: Uint8Array): number {
    let largest = 0;
    for (let i = 0; i < chunk.length; ) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, chunk.length - i);
        this.#skip -= step;
        i += step;
      } else {
        this.#header(chunk[i] ?? 0);
        largest = Math.max(largest, this.#skip);
        i += 1;
      }
    }
    return largest;
  }

  /** The length has seven bits a byte, the least first; the eighth says that more follow, up to four in all. */
  #header(byte: number): void {
    if (!this.#isInLength) {
      this.#isInLength = true;
      this.#length = 0;
      this.#shift = 0;
      return;
    }
    this.#length += (byte & 0x7f) << this.#shift;
    this.#shift += 7;
    if ((byte & 0x80) !== 0 && this.#shift < 28) return;
    this.#isInLength = false;
    this.#skip = this.#length;
  }
}
