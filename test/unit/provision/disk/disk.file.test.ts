import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFileDisk } from '../../../../provision/disk/disk.file.ts';
import { diskContract } from '../../../contract/disk-contract.ts';

const makeFolder = (): string => mkdtempSync(join(tmpdir(), 'bramble-file-disk-'));

diskContract('an image file', async () => {
  const folder = makeFolder();
  const path = join(folder, 'pi-01.img');
  return {
    disk: await openFileDisk(path),
    stored: (offset, length) =>
      readdirSync(folder).includes('pi-01.img')
        ? readFileSync(path).subarray(offset, offset + length)
        : undefined,
    remove: () => rm(folder, { recursive: true }),
  };
});

describe('an image file', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = makeFolder();
    path = join(folder, 'pi-01.img');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('replaces an older one only when it is complete', async () => {
    writeFileSync(path, 'older');
    const disk = await openFileDisk(path);
    await disk.write(Buffer.from('newer'), 0);
    expect(readFileSync(path, 'utf8')).toBe('older');
    await disk.commit();
    await disk.close();
    expect(readFileSync(path, 'utf8')).toBe('newer');
    expect(readdirSync(folder)).toEqual(['pi-01.img']);
  });

  it('leaves nothing behind when it was not completed', async () => {
    writeFileSync(path, 'older');
    const disk = await openFileDisk(path);
    await disk.write(Buffer.from('newer'), 0);
    await disk.close();
    expect(readFileSync(path, 'utf8')).toBe('older');
    expect(readdirSync(folder)).toEqual(['pi-01.img']);
  });

  it('starts over where an earlier run was killed', async () => {
    writeFileSync(`${path}.unfinished`, 'a longer text that an earlier run left behind');
    const disk = await openFileDisk(path);
    await disk.write(Buffer.from('short'), 0);
    await disk.commit();
    await disk.close();
    expect(readFileSync(path, 'utf8')).toBe('short');
  });

  it('is read by nobody else: it holds a private key', async () => {
    const disk = await openFileDisk(path);
    await disk.commit();
    await disk.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('takes no room for the zeros at its end, and has its full length', async () => {
    const disk = await openFileDisk(path);
    await disk.write(Buffer.alloc(4096, 1), 0);
    await disk.write(Buffer.alloc(8_000_000), 4096);
    await disk.commit();
    await disk.close();
    const { size, blocks } = statSync(path);
    expect(size).toBe(8_004_096);
    expect(blocks * 512).toBeLessThan(1_000_000);
  });

  it('is not written through a link that lies where it is being made', async () => {
    const victim = join(folder, 'victim');
    writeFileSync(victim, 'precious');
    symlinkSync(victim, `${path}.unfinished`);
    const disk = await openFileDisk(path);
    await disk.write(Buffer.from('image'), 0);
    await disk.commit();
    await disk.close();
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    expect(readFileSync(path, 'utf8')).toBe('image');
  });

  it('is not mixed up with that of a second run for the same file', async () => {
    const first = await openFileDisk(path);
    const second = await openFileDisk(path);
    await expect(first.commit()).rejects.toMatchObject({
      code: 'DISK_FAILED',
      message: expect.stringContaining('somebody else'),
    });
    await first.close();
    await second.write(Buffer.from('second'), 0);
    await second.commit();
    await second.close();
    expect(readFileSync(path, 'utf8')).toBe('second');
  });

  it('is refused where something else than a plain file is', async () => {
    mkdirSync(path);
    await expect(openFileDisk(path)).rejects.toMatchObject({ code: 'DISK_REFUSED' });
  });

  it('needs its folder, and says so', async () => {
    const lost = join(folder, 'no', 'such', 'pi-01.img');
    await expect(openFileDisk(lost)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining(join(folder, 'no', 'such')),
    });
  });
});
