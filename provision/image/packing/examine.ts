import { BrambleError } from '../../../src/support/errors.ts';
import { readAt } from '../stored-file.ts';
import type { StoredImage } from '../stored-image.ts';
import { gzip } from './gzip.ts';
import type { Packing } from './packing.ts';
import { examineXz } from './xz.ts';
import { examineZip } from './zip.ts';
import { examineZstd } from './zstd.ts';

/** How the image in a file is packed: its first bytes tell, not its name. */
export async function examine(stored: StoredImage, storedBytes: number): Promise<Packing> {
  const { path } = stored;
  const head = await readAt(path, 0, sectorBytes);
  const begins = (mark: string) => head.toString('hex', 0, mark.length / 2) === mark;
  if (begins('fd377a585a00')) return examineXz(path, storedBytes);
  if (begins('1f8b')) return gzip;
  if (begins('504b0304')) return examineZip(stored);
  if (begins('28b52ffd') || /^5.2a4d18$/.test(head.toString('hex', 0, 4))) return examineZstd(head);
  if (!isBootRecord(head)) throw notAnImage(stored);
  return { sizeBytes: storedBytes, unpack: (bytes) => bytes };
}

const sectorBytes = 512;

/** Every image for a Pi begins with a master boot record, one with a GPT as well: its last two bytes are its mark. */
export function isBootRecord(head: Uint8Array): boolean {
  return head[sectorBytes - 2] === 0x55 && head[sectorBytes - 1] === 0xaa;
}

export function notAnImage({ name }: StoredImage): BrambleError {
  return new BrambleError(
    'INVALID',
    `${name} is no disk's image: it has no partition table; name a Raspberry Pi OS image (.img, .img.xz, .gz, .zst or .zip)`,
  );
}
