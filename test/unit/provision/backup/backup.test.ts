import { describe, expect, it } from 'vitest';
import { packTar } from '../../../../provision/agent-image/tar.ts';
import { encryptWithPassphrase } from '../../../../provision/backup/age.ts';
import { chooseManager } from '../../../../provision/backup/backup.ts';
import { examineBackup } from '../../../../provision/backup/restore.ts';
import { memoryLife } from '../../../support/memory-life.ts';
import { MemorySwarm } from '../../../support/memory-swarm.ts';

async function* once(content: Uint8Array) {
  yield content;
}

async function seal(files: Readonly<Record<string, string>>, garbage = ''): Promise<Buffer> {
  const tar = packTar(
    Object.entries(files).map(([path, text]) => ({ path, content: Buffer.from(text), isExecutable: false })),
  );
  const content = once(Buffer.concat([tar, Buffer.from(garbage)]));
  const pieces: Uint8Array[] = [];
  for await (const piece of encryptWithPassphrase(content, 'right', { work: 4 })) pieces.push(piece);
  return Buffer.concat(pieces);
}

const manifest = JSON.stringify({
  version: 1,
  cluster: 'home',
  clusterId: 'abc',
  createdAt: 'then',
  sha256: {},
});

describe('a backup', () => {
  it('tells the project’s files from those of nodes', async () => {
    const file = await seal({
      'manifest.json': manifest,
      'project/bramble.yaml': 'cluster: {}',
      'swarm.tar.gz': 'x',
    });
    expect(await examineBackup(once(file), 'right')).toEqual({
      manifest: JSON.parse(manifest),
      files: [{ path: 'project/bramble.yaml', content: Buffer.from('cluster: {}') }],
    });
  });

  it('is refused when it is of another make, or was cut', async () => {
    const examine = (file: Buffer) => examineBackup(once(file), 'right');
    for (const files of [{}, { 'manifest.json': '{ "version": 2 }' }, { other: 'x' }])
      await expect(examine(await seal(files))).rejects.toMatchObject({ code: 'INVALID' });
    const whole = await seal({ 'manifest.json': manifest }, 'x'.repeat(100_000));
    await expect(examine(whole.subarray(0, -10))).rejects.toMatchObject({ code: 'INVALID' });
  });

  it('is taken where Docker can stand still best: from no leader, and not where the broker is', () => {
    const life = memoryLife(new MemorySwarm({ a: {}, b: {}, c: {}, d: {} }));
    const choose = (statuses: Readonly<Record<string, string>>, broker: string) =>
      chooseManager(
        Object.entries(statuses).map(([name, status]) => ({ name, status })),
        broker,
        life,
      );
    expect(choose({ a: 'Leader', b: 'Reachable', c: 'Reachable' }, 'b')).toBe('c');
    expect(choose({ a: 'Leader', b: 'Reachable', c: 'Unreachable' }, 'b')).toBe('b');
    expect(choose({ a: 'Leader', x: 'Reachable' }, 'a')).toBe('a');
    expect(choose({ x: 'Leader' }, 'a')).toBeUndefined();
  });
});
