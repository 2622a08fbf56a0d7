import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { run } from './pi-image.ts';
import { removeFolder } from './remove-folder.ts';

/**
 * The files of a FAT file system as mtools reads them, by their paths, after `fsck.vfat` found nothing wrong. `partition` is
 * all bytes of it, or of the disk from its beginning on.
 */
export function readFatWithTools(partition: Uint8Array): ReadonlyMap<string, Buffer> {
  const work = mkdtempSync(join(tmpdir(), 'bramble-fat-'));
  try {
    const image = join(work, 'image');
    writeFileSync(image, partition);
    checkFat(image);
    const copy = join(work, 'copy');
    mkdirSync(copy);
    run('mcopy', ['-s', '-Q', '-n', '-i', image, '::', copy]);
    return readTree(copy);
  } finally {
    removeFolder(work);
  }
}

/** With `-n` it ends with status 0 after some repairs that it would have made, so what it says counts too. */
function checkFat(image: string): void {
  const said = run('fsck.vfat', ['-n', image]).trim().split('\n');
  if (said.length !== 2) throw new Error(`fsck.vfat found faults:\n${said.join('\n')}`);
}

function readTree(folder: string): Map<string, Buffer> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path));
  return new Map(
    paths
      .filter((path) => statSync(path).isFile())
      .map((path) => [relative(folder, path), readFileSync(path)]),
  );
}
