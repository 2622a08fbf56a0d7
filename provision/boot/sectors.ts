import { BrambleError } from '../../src/support/errors.ts';
import type { Disk } from '../disk/disk.ts';
import { type Partition, sectorBytes } from './partition-table.ts';

/** What is read at once: a file system's driver asks for one sector after the other, which a card answers slowly. */
const pageSectors = 64;
/** Pages of 32 KiB that are remembered, which holds the file allocation table of most boot partitions. */
const maxPages = 128;
/** The longest single write of `flush`. */
const maxRunSectors = 2048;

/** The sectors of a partition. Nothing reaches the disk before `flush`, and what was not kept can be undone. */
export interface Sectors {
  read(into: Uint8Array, first: number): void;
  write(data: Uint8Array, first: number): void;
  /** Takes what was written since the last `keep` as done. */
  keep(): void;
  /** Forgets what was written since the last `keep`. */
  undo(): void;
  /** Writes all that was kept on the disk, from its beginning to its end. */
  flush(): void;
}

export function openSectors(
  disk: Pick<Disk, 'name' | 'readNow' | 'writeNow'>,
  partition: Partition,
): Sectors {
  const sectorCount = Math.floor(partition.lengthBytes / sectorBytes);
  const written = new Map<number, Uint8Array>();
  const kept = new Map<number, Uint8Array>();
  const pages = new Map<number, Uint8Array>();

  const readPage = (page: number): Uint8Array => {
    const remembered = pages.get(page);
    if (remembered) return remembered;
    const first = page * pageSectors;
    const fresh = new Uint8Array(Math.min(pageSectors, sectorCount - first) * sectorBytes);
    disk.readNow(fresh, partition.offset + first * sectorBytes);
    const [oldest] = pages.keys();
    if (pages.size === maxPages && oldest !== undefined) pages.delete(oldest);
    pages.set(page, fresh);
    return fresh;
  };
  const readSector = (sector: number): Uint8Array => {
    const changed = written.get(sector) ?? kept.get(sector);
    if (changed) return changed;
    const at = (sector % pageSectors) * sectorBytes;
    return readPage(Math.floor(sector / pageSectors)).subarray(at, at + sectorBytes);
  };
  const assertInside = (bytes: number, first: number) => {
    if (first + bytes / sectorBytes > sectorCount)
      throw new BrambleError(
        'IMAGE_BROKEN',
        `the file system of the boot partition on ${disk.name} reaches beyond the partition's end; use an intact image`,
      );
  };

  return {
    read: (into, first) => {
      assertInside(into.length, first);
      for (let at = 0; at < into.length; at += sectorBytes)
        into.set(readSector(first + at / sectorBytes), at);
    },
    write: (data, first) => {
      assertInside(data.length, first);
      for (let at = 0; at < data.length; at += sectorBytes)
        written.set(first + at / sectorBytes, data.slice(at, at + sectorBytes));
    },
    keep: () => {
      for (const [sector, data] of written) kept.set(sector, data);
      written.clear();
    },
    undo: () => written.clear(),
    flush: () => {
      for (const { first, data } of runs(kept)) disk.writeNow(data, partition.offset + first * sectorBytes);
      kept.clear();
      pages.clear();
    },
  };
}

/** Neighbours together, because a card writes few long runs much faster than many sectors. */
function* runs(sectors: ReadonlyMap<number, Uint8Array>): Iterable<{ first: number; data: Uint8Array }> {
  const numbers = [...sectors.keys()].sort((a, b) => a - b);
  let run: number[] = [];
  for (const [index, number] of numbers.entries()) {
    run.push(number);
    if (numbers[index + 1] === number + 1 && run.length < maxRunSectors) continue;
    yield {
      first: number - run.length + 1,
      data: Buffer.concat(run.flatMap((each) => sectors.get(each) ?? [])),
    };
    run = [];
  }
}
