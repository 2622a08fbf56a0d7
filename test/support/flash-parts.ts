import { createHash } from 'node:crypto';
import type { BootPartition } from '../../provision/boot/boot-partition.ts';
import type { Partition } from '../../provision/boot/partition-table.ts';
import type { Disk } from '../../provision/disk/disk.ts';
import type { Image } from '../../provision/image/image.ts';

const mib = 1024 * 1024;
const bootSectors = { first: 2048, count: 2048 };

/** Of 4 MiB, with a boot and a root partition in its table (or with `types` in their place) and noise in them. */
export function plainImage({ types = [0x0c, 0x83], sizeBytes = 4 * mib } = {}): Buffer {
  const image = Buffer.alloc(sizeBytes, createHash('sha512').update('noise').digest());
  image.fill(0, 0, 512);
  for (const [i, type] of types.entries()) {
    const entry = 446 + 16 * i;
    image.writeUInt8(type, entry + 4);
    image.writeUInt32LE(bootSectors.first + i * bootSectors.count, entry + 8);
    image.writeUInt32LE(bootSectors.count, entry + 12);
  }
  image.writeUInt16LE(0xaa55, 510);
  return image;
}

export interface ImageFaults {
  /** Fails with this when all chunks were given. */
  readonly endsWith?: Error;
  readonly sizeBytes?: number | undefined;
}

/** The bytes as an image in chunks of 1 MiB. */
export function imageOf(content: Buffer, faults: ImageFaults = {}): Image & { readonly given: () => number } {
  let given = 0;
  return {
    name: 'plain.img',
    sizeBytes: 'sizeBytes' in faults ? faults.sizeBytes : content.length,
    storedBytes: content.length,
    remarks: [],
    readBytes: () => given * mib,
    given: () => given,
    async *chunks({ signal }) {
      for (let at = 0; at < content.length; at += mib) {
        signal.throwIfAborted();
        given += 1;
        yield content.subarray(at, at + mib);
      }
      if (faults.endsWith) throw faults.endsWith;
    },
  };
}

const lengthBytes = 4;

/** Not FAT, but a partition that keeps its files on the disk: as text, behind its length. */
export async function openPlainBoot(disk: Disk, { offset }: Partition): Promise<BootPartition> {
  const files = readPlainBoot((at, length) => {
    const into = Buffer.alloc(length);
    disk.readNow(into, offset + at);
    return into;
  });
  return {
    read: (path) => files.get(path),
    write: (path, content) => void files.set(path, content),
    list: () => [...files.keys()],
    unmount() {
      const text = JSON.stringify(
        [...files].map(([path, content]) => [path, Buffer.from(content).toString()]),
      );
      const length = Buffer.alloc(lengthBytes);
      length.writeUInt32LE(Buffer.byteLength(text));
      disk.writeNow(Buffer.concat([length, Buffer.from(text)]), offset);
    },
  };
}

function readPlainBoot(read: (at: number, length: number) => Buffer): Map<string, Uint8Array> {
  const length = read(0, lengthBytes).readUInt32LE();
  if (length > mib) return new Map(); // noise
  const entries: [string, string][] = JSON.parse(read(lengthBytes, length).toString());
  return new Map(entries.map(([path, text]) => [path, Buffer.from(text)]));
}
