import { describe, expect, it } from 'vitest';
import { previewNode } from '../../../../provision/flash/preview.ts';
import { renderPreview } from '../../../../provision/flash/render-preview.ts';
import { loadInventory } from '../../../../provision/inventory.ts';
import { BrambleError } from '../../../../src/support/errors.ts';
import { makeProject } from '../../../support/bramble-yaml.ts';
import { presentFiles } from '../../../support/node-setup.ts';

function bootOf(release: 'bookworm' | 'trixie') {
  const { cmdline, config } = presentFiles[release];
  const files = new Map([
    ['cmdline.txt', cmdline],
    ['config.txt', `${config}auto_initramfs=1\n`],
    ...(release === 'trixie'
      ? ([
          ['user-data', ''],
          ['meta-data', ''],
        ] as const)
      : []),
  ]);
  return {
    files,
    read: (path: string) => (files.has(path) ? Buffer.from(files.get(path) ?? '') : undefined),
    write: (path: string, content: Uint8Array) => void files.set(path, Buffer.from(content).toString()),
    list: () => [...files.keys()],
  };
}

function preview(release: 'bookworm' | 'trixie', boot = bootOf(release)) {
  const { folder: home, file } = makeProject({
    user: { name: 'ada', authorizedKeys: ['key.pub'], hasPassword: true },
    network: { wifi: { ssid: 'home', country: 'DE' } },
    nodes: [{ name: 'pi-01', role: 'manager', hardware: ['bme280', 'ds18b20'] }],
  });
  const inventory = loadInventory({ file, home });
  const [node] = inventory.nodes;
  if (node === undefined) throw new Error('no node');
  return previewNode(inventory, node, boot);
}

describe('what a dry run shows', () => {
  it.each(['bookworm', 'trixie'] as const)('of %s', async (release) => {
    const text = renderPreview(preview(release)).replace(/\d+ bytes, secret/g, 'so many bytes, secret');
    await expect(text).toMatchFileSnapshot(`golden/preview-${release}.txt`);
  });

  it('has neither the content of secret files nor what is secret in them', () => {
    const { files } = preview('trixie');
    const secret = files.filter(({ isSecret }) => isSecret);
    expect(secret.map(({ path, content }) => ({ path, content }))).toEqual([
      { path: 'user-data', content: undefined },
      { path: 'network-config', content: undefined },
    ]);
    expect(renderPreview({ files })).not.toMatch(/PRIVATE KEY|ssh-ed25519|\$6\$|f{64}/);
  });

  it('says that a file is as it is when nothing in it changes', () => {
    const boot = bootOf('trixie');
    preview('trixie', boot);
    expect(renderPreview(preview('trixie', boot))).toMatch(/config\.txt.*\n {4}as it is\n/);
  });

  it('says that there is no room', () => {
    const write = () => {
      throw new BrambleError('DISK_FULL', 'no room for user-data');
    };
    expect(() => preview('trixie', { ...bootOf('trixie'), write })).toThrow('no room for user-data');
  });
});
