import { describe, expect, it } from 'vitest';
import { appendToList, setText } from '../../../../provision/life/edit-yaml.ts';

describe('a list of a YAML text', () => {
  const add = (text: string) => appendToList(text, ['nodes'], [{ name: 'c', labels: { room: 'hall' } }]);

  it('grows at its end, by lines in its own column', () => {
    expect(add('nodes:\n- name: a\n')).toBe('nodes:\n- name: a\n- name: c\n  labels:\n    room: hall\n');
    expect(add('nodes:\n    - name: a # the first\n\nx: 1')).toBe(
      'nodes:\n    - name: a # the first\n    - name: c\n      labels:\n        room: hall\n\nx: 1',
    );
    expect(add('nodes:\n  - name: a')).toBe(
      'nodes:\n  - name: a\n  - name: c\n    labels:\n      room: hall\n',
    );
  });

  it('leaves its last entry the comments that belong to it', () => {
    const text = 'nodes:\n  - name: a\n    # role: manager\n    # more\n  # of the list\n';
    expect(add(text)).toBe(
      'nodes:\n  - name: a\n    # role: manager\n    # more\n  - name: c\n    labels:\n      room: hall\n  # of the list\n',
    );
  });

  it('grows between its brackets where it has some', () => {
    expect(add('nodes: [{ name: a }] # short\n')).toContain(
      '[ { name: a }, { name: c, labels: { room: hall } } ] # short',
    );
  });
});

describe('a text in a YAML text', () => {
  const set = (text: string) => setText(text, ['cluster', 'agent', 'image'], 'registry:5000/bramble:2');

  it('takes the place of the one before, and nothing else changes', () => {
    expect(set('cluster:\n  agent: {image: old, x: 1} # why\n  nodes: [a]\n')).toBe(
      'cluster:\n  agent: {image: "registry:5000/bramble:2", x: 1} # why\n  nodes: [a]\n',
    );
  });

  it('gets a section where there is none', () => {
    expect(set('cluster: # mine\n    # a name\n    name: home\n')).toBe(
      'cluster: # mine\n    agent:\n      image: registry:5000/bramble:2\n    # a name\n    name: home\n',
    );
  });

  it('gets into a section that has other things', () => {
    expect(set('cluster:\n  agent:\n    brokerImage: b\n')).toBe(
      'cluster:\n  agent:\n    brokerImage: b\n    image: registry:5000/bramble:2\n',
    );
  });
});
