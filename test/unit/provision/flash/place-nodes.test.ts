import { describe, expect, it } from 'vitest';
import { type Placing, placeNodes } from '../../../../provision/flash/place-nodes.ts';
import type { InventoryNode } from '../../../../provision/inventory.ts';

const nodes = ['pi-01', 'pi-02', 'pi-03'].map(
  (name): InventoryNode => ({
    ...{ name, role: 'worker', host: `${name}.local`, isWireless: false, hardware: [], labels: {} },
    addressing: { kind: 'dhcp' },
  }),
);

/** `pi-01 → out/pi-01.img`, or the nodes and the one disk that they all go to. */
function place(placing: Partial<Placing>): string[] {
  const places = placeNodes({ nodes, file: 'bramble.yaml' }, { names: [], disks: [], ...placing });
  return places.kind === 'apart'
    ? places.places.map(({ node, path }) => `${node.name} → ${path}`)
    : [places.nodes.map(({ name }) => name).join(', then '), places.path ?? 'ask'];
}

describe('where nodes go', () => {
  it('is a file for each of all nodes in a folder', () => {
    expect(place({ to: 'out/' })).toEqual([
      'pi-01 → out/pi-01.img',
      'pi-02 → out/pi-02.img',
      'pi-03 → out/pi-03.img',
    ]);
  });

  it('is one file for one node when it is called .img', () => {
    expect(place({ names: ['pi-02'], to: 'card.img' })).toEqual(['pi-02 → card.img']);
  });

  it('is one disk, or one to be asked for, for one card after the other, in the order of the file', () => {
    expect(place({ names: ['pi-03', 'pi-01', 'pi-03'], disks: ['/dev/sdb'] })).toEqual([
      'pi-01, then pi-03',
      '/dev/sdb',
    ]);
    expect(place({ names: ['pi-01'] })).toEqual(['pi-01', 'ask']);
  });

  it('is a disk for each node, and the disks say which nodes are meant', () => {
    const disks = ['pi-02=/dev/disk/by-id/a=b', 'pi-01=/dev/sdb'];
    const expected = ['pi-01 → /dev/sdb', 'pi-02 → /dev/disk/by-id/a=b'];
    expect(place({ disks })).toEqual(expected);
    expect(place({ disks, names: ['pi-01', 'pi-02'] })).toEqual(expected);
  });

  it('is no disk that a path with an equals sign in it would be mistaken for', () => {
    expect(place({ names: ['pi-01'], disks: ['/dev/disk/by-id/a=b'] })).toEqual([
      'pi-01',
      '/dev/disk/by-id/a=b',
    ]);
  });

  it.each<[string, Partial<Placing>, RegExp]>([
    ['files and disks at once', { to: 'out', disks: ['/dev/sdb'] }, /not both/],
    ['one file for several nodes', { to: 'all.img' }, /a folder: --to all\//],
    [
      'several disks without names',
      { disks: ['/dev/sdb', '/dev/sdc'] },
      /--disk NAME=\/dev\/sdb --disk NAME=\/dev\/sdc/,
    ],
    [
      'a disk without a name among others',
      { disks: ['pi-01=/dev/sdb', '/dev/sdc'] },
      /which node \/dev\/sdc is for/,
    ],
    ['two disks for one node', { disks: ['pi-01=/dev/sdb', 'pi-01=/dev/sdc'] }, /pi-01 has two disks/],
    ['a node without a disk', { names: ['pi-01', 'pi-02'], disks: ['pi-01=/dev/sdb'] }, /pi-02 has no disk/],
    [
      'a disk for a node that is not meant',
      { names: ['pi-01'], disks: ['pi-01=/dev/a', 'pi-02=/dev/b'] },
      /names pi-02/,
    ],
    ['a node that is not there', { names: ['pi-1'] }, /no node pi-1; it has pi-01, pi-02, pi-03/],
    ['a disk for a node that is not there', { disks: ['pi-1=/dev/sdb'] }, /no node pi-1/],
  ])('is refused for %s', (_what, placing, message) => {
    expect(() => place(placing)).toThrow(message);
  });
});
