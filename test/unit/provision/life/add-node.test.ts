import { expect, it } from 'vitest';
import { addNodes } from '../../../../provision/life/add-node.ts';
import { makePublicKey } from '../../../support/bramble-yaml.ts';

const text = `# Mine
cluster:
  name: home # of the house
  user: { authorizedKeys: ['${makePublicKey()}'] }
  network:
    gateway: 192.168.1.1

  # Keep it odd.
  nodes:
    - name: pi-01
      role: manager
      # address: 192.168.1.21/24
    - { name: pi-02, labels: { room: hall } }

motion: { enabled: false }
`;
const file = { file: 'bramble.yaml', text, home: '/nonexistent' };

it('puts nodes at the end of the list, and leaves every other line as it is', () => {
  const added = addNodes(file, [
    { name: 'pi-03' },
    { name: 'pi-04', address: '192.168.1.24/24', hardware: ['blinkt'], labels: { room: 'attic' } },
  ]);
  const lines = `    - name: pi-03
    - name: pi-04
      address: 192.168.1.24/24
      hardware:
        - blinkt
      labels:
        room: attic
`;
  expect(added.text).toBe(text.replace('\n\nmotion', `\n${lines}\nmotion`));
  expect(added.inventory.nodes.map(({ name, host }) => [name, host])).toEqual([
    ['pi-01', 'pi-01.local'],
    ['pi-02', 'pi-02.local'],
    ['pi-03', 'pi-03.local'],
    ['pi-04', '192.168.1.24'],
  ]);
});

it('adds two managers to one, and refuses to add only one', () => {
  const manager = (name: string) => ({ name, role: 'manager' }) as const;
  const { inventory } = addNodes(file, [manager('pi-03'), manager('pi-04')]);
  expect(inventory.nodes.filter(({ role }) => role === 'manager')).toHaveLength(3);
  expect(() => addNodes(file, [manager('pi-03')])).toThrow(/2 managers bear no more losses than 1/);
});

it('refuses a name that is there, and what the file may not say', () => {
  expect(() => addNodes(file, [{ name: 'pi-02' }])).toThrow(/has a node pi-02 already/);
  expect(() => addNodes(file, [{ name: 'pi-03', address: '10.0.0.3/24' }])).toThrow(
    /gateway 192.168.1.1 is not in/,
  );
  expect(() => addNodes(file, [{ name: 'PI 3' }])).toThrow(/cluster.nodes.2.name/);
});
