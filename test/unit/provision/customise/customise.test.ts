import { describe, expect, it } from 'vitest';
import { customise } from '../../../../provision/customise/customise.ts';
import {
  exampleHash,
  exampleNodes,
  examplePsk,
  nodeSetup,
  presentFiles,
} from '../../../support/node-setup.ts';

const releases = ['bookworm', 'trixie'] as const;
const kinds = ['plain', 'wifi', 'static'] as const;
const cases = releases.flatMap((release) => kinds.map((kind) => ({ release, kind })));

describe.each(cases)('the boot files of $release for a node of the kind $kind', ({ release, kind }) => {
  const node = exampleNodes[kind];
  const files = customise(release, node, presentFiles[release]);

  it('are the golden ones', async () => {
    for (const { path, content } of files)
      await expect(content).toMatchFileSnapshot(`golden/${release}-${kind}/${path}`);
  });

  it('are secret exactly where they hold a secret', () => {
    const secrets = [node.hostKey.privateKey.split('\n')[1] ?? '', examplePsk, exampleHash];
    for (const { path, content, isSecret } of files)
      expect([path, isSecret]).toEqual([path, secrets.some((secret) => content.includes(secret))]);
  });

  it('stay the same when they are made from their own outcome', () => {
    const contentOf = (path: string) => files.find((file) => file.path === path)?.content ?? '';
    const present = { cmdline: contentOf('cmdline.txt'), config: contentOf('config.txt') };
    expect(customise(release, node, present)).toEqual(files);
  });

  it('have no line in config.txt that the firmware would cut off', () => {
    const config = files.find(({ path }) => path === 'config.txt')?.content ?? '';
    expect(config.split('\n').filter((line) => line.length > 98)).toEqual([]);
  });
});

describe('customise', () => {
  it('refuses what it cannot write safely', () => {
    expect(() => customise('trixie', nodeSetup({ hostName: '"' }), presentFiles.trixie)).toThrow(
      /cannot make boot files/,
    );
  });

  it('never uses names on which Raspberry Pi OS acts by itself at its first start', () => {
    const names = ['firstboot', 'firstrun.sh', 'custom.toml'];
    const added = customise('bookworm', nodeSetup(), { cmdline: '', config: '' });
    for (const { path, content } of added)
      for (const name of names)
        expect([path, content.includes(name), path.includes(name)]).toEqual([path, false, false]);
  });
});
