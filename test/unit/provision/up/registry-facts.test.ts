import { describe, expect, it } from 'vitest';
import { parseFacts } from '../../../../provision/up/read-facts.ts';

const registryIn = (...lines: string[]) =>
  parseFacts(['architecture\tarm64', ...lines, 'end\t.'].join('\n'), {
    ...{ name: 'pi-01', sentMs: 0, receivedMs: 0 },
  }).registry;

describe('what a node has of the registry', () => {
  it('is nothing on a fresh one', () => {
    expect(registryIn()).toEqual({ served: undefined, trusted: {} });
  });

  it('is its address, its authority and its images where it is served', () => {
    expect(
      registryIn(
        'registryServed\t192.168.1.21:5000 0a1b',
        'registryAuthority\tffee',
        'registryImage\tbramble:1',
        'registryImage\thello:latest',
      ).served,
    ).toEqual({
      ...{ address: '192.168.1.21:5000', revision: '0a1b', authority: 'ffee' },
      images: ['bramble:1', 'hello:latest'],
    });
  });

  it('is by address whose certificates it has', () => {
    expect(
      registryIn('registryTrusted\t192.168.1.21:5000 ffee', 'registryTrusted\t10.0.0.1:5000 eeff').trusted,
    ).toEqual({ '192.168.1.21:5000': 'ffee', '10.0.0.1:5000': 'eeff' });
  });
});
