import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { packFolder } from '../../../../provision/agent-image/pack-folder.ts';
import { packTar } from '../../../../provision/agent-image/tar.ts';
import { removeFolder } from '../../../support/remove-folder.ts';

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bramble-pack-'));
  onTestFinished(() => removeFolder(folder));
  mkdirSync(join(folder, 'function'));
  writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\n');
  writeFileSync(join(folder, 'function/run.sh'), Buffer.alloc(200_000, 'x'), { mode: 0o755 });
  return folder;
}

describe('a folder as an archive', () => {
  it('has the wanted files, what links lead to, and who may be run', async () => {
    const folder = makeFolder();
    writeFileSync(join(folder, '.env'), 'SECRET=1');
    symlinkSync(join(folder, 'Dockerfile'), join(folder, 'function/link'));
    const packed = await buffer(await packFolder(folder, (path) => path !== '.env'));
    const expected = packTar([
      { path: 'Dockerfile', content: Buffer.from('FROM scratch\n'), isExecutable: false },
      { path: 'function/link', content: Buffer.from('FROM scratch\n'), isExecutable: false },
      { path: 'function/run.sh', content: Buffer.alloc(200_000, 'x'), isExecutable: true },
    ]);
    expect(packed.equals(expected)).toBe(true);
  });

  it('is refused where a link leads nowhere, or round in circles', async () => {
    for (const target of ['nowhere', 'circle']) {
      const folder = makeFolder();
      symlinkSync(target, join(folder, 'circle'));
      await expect(packFolder(folder, () => true)).rejects.toThrow(/^circle cannot go into an image/);
    }
  });

  it('is refused where a name is longer than archives have them', async () => {
    const folder = makeFolder();
    const long = 'n'.repeat(101);
    writeFileSync(join(folder, long), '');
    await expect(packFolder(folder, () => true)).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringContaining(`${long} cannot go into an image`),
    });
  });
});
