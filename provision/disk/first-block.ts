import { BrambleError } from '../../src/support/errors.ts';
import type { Disk } from './disk.ts';

/** A disk of fixed size, as its technology reaches it. `write` and `read` stay within its size. */
export interface Medium {
  readonly name: string;
  readonly sizeBytes: number;
  write(data: Uint8Array, offset: number): Promise<void>;
  read(into: Uint8Array, offset: number): Promise<void>;
  writeNow(data: Uint8Array, offset: number): void;
  readNow(into: Uint8Array, offset: number): void;
  /** Resolves when what was written is on the medium. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The MBR is in the first 512 bytes, the header of a GPT in the next 512 or 4096: without them no firmware and no kernel
 * finds a partition. A multiple of every block size in use.
 */
export const firstBlockBytes = 4096;

/**
 * A medium that looks empty from its first write on until it is committed, so that one whose writing was interrupted does
 * neither boot nor mount. Our own reader gets the held block as if it were there.
 */
export function holdBackFirstBlock(medium: Medium): Disk {
  const { name, sizeBytes } = medium;
  let held: Buffer | undefined;

  const begin = (): Buffer => {
    const block = Buffer.alloc(firstBlockBytes);
    medium.readNow(block, 0);
    medium.writeNow(Buffer.alloc(firstBlockBytes), 0);
    held = block;
    return block;
  };
  /** Keeps what belongs into the first block, and returns the rest. */
  const hold = (data: Uint8Array, offset: number, block: Buffer): Uint8Array => {
    if (offset >= firstBlockBytes) return data;
    const count = Math.min(data.length, firstBlockBytes - offset);
    block.set(data.subarray(0, count), offset);
    return data.subarray(count);
  };
  const showHeld = (into: Uint8Array, offset: number): void => {
    if (offset < firstBlockBytes) held?.copy(into, 0, offset);
  };

  return {
    name,
    sizeBytes,
    async write(data, offset) {
      checkRoom(medium, data.length, offset);
      const isFirst = held === undefined;
      const rest = hold(data, offset, held ?? begin());
      if (isFirst) await medium.flush();
      if (rest.length > 0) await medium.write(rest, offset + data.length - rest.length);
    },
    async read(into, offset) {
      checkEnd(medium, into.length, offset);
      await medium.read(into, offset);
      showHeld(into, offset);
    },
    writeNow(data, offset) {
      checkRoom(medium, data.length, offset);
      const rest = hold(data, offset, held ?? begin());
      if (rest.length > 0) medium.writeNow(rest, offset + data.length - rest.length);
    },
    readNow(into, offset) {
      checkEnd(medium, into.length, offset);
      medium.readNow(into, offset);
      showHeld(into, offset);
    },
    sync: () => medium.flush(),
    async commit() {
      await medium.flush();
      if (held !== undefined) await writeAndCompare(medium, held);
    },
    close: () => medium.close(),
  };
}

async function writeAndCompare(medium: Medium, block: Buffer): Promise<void> {
  await medium.write(block, 0);
  await medium.flush();
  const found = Buffer.alloc(block.length);
  await medium.read(found, 0);
  if (!found.equals(block))
    throw new BrambleError(
      'DISK_FAILED',
      `${medium.name} does not give back the first block that was written on it; the card is worn out or a fake: take another`,
    );
}

function checkRoom({ name, sizeBytes }: Medium, length: number, offset: number): void {
  if (offset + length > sizeBytes)
    throw new BrambleError(
      'DISK_FULL',
      `cannot write ${length} bytes at ${offset} on ${name}: it ends at ${sizeBytes}; take a larger one`,
    );
}

function checkEnd({ name, sizeBytes }: Medium, length: number, offset: number): void {
  if (offset + length > sizeBytes)
    throw new BrambleError(
      'DISK_FAILED',
      `cannot read ${length} bytes at ${offset} on ${name}: it ends at ${sizeBytes}`,
    );
}
