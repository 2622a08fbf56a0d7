import { describe, expect, it } from 'vitest';
import { packTar, readTar } from '../../../../provision/agent-image/tar.ts';

const file = (path: string, text: string) => ({ path, content: Buffer.from(text), isExecutable: false });

async function read(archive: Buffer, { maxBytes = 1e6, chunkBytes = 1e6 } = {}): Promise<[string, string][]> {
  async function* chunks() {
    for (let at = 0; at < archive.length; at += chunkBytes) yield archive.subarray(at, at + chunkBytes);
  }
  const files: [string, string][] = [];
  for await (const { path, content } of readTar(chunks(), { maxBytes }))
    files.push([path, content.toString()]);
  return files;
}

describe('a tar archive', () => {
  const long = `${'folder/'.repeat(20)}file.ts`;
  const files = [file('empty', ''), file('block', 'x'.repeat(512)), file(long, 'ä'), file('last', 'z')];
  const contents = files.map(({ path, content }) => [path, content.toString()]);

  it('gives back what was packed, however it is cut', async () => {
    const archive = packTar(files);
    for (const chunkBytes of [1, 511, 512, 1e6])
      expect(await read(archive, { chunkBytes })).toEqual(contents);
  });

  it('is the same for the same files', () => {
    expect(packTar(files).equals(packTar(files))).toBe(true);
  });

  it('passes over what is too large', async () => {
    expect((await read(packTar(files), { maxBytes: 100 })).map(([path]) => path)).toEqual([
      'empty',
      long,
      'last',
    ]);
  });

  it('is refused when it ends too early or is none', async () => {
    await expect(read(packTar(files).subarray(0, 1000))).rejects.toThrow('too early');
    await expect(read(Buffer.alloc(1024, 'x'))).rejects.toThrow('no tar archive');
  });

  it('is refused a path that it has no room for', () => {
    expect(() => packTar([file('a'.repeat(101), '')])).toThrow(TypeError);
  });
});
