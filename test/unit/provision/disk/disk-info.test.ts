import { describe, expect, it } from 'vitest';
import { showBytes } from '../../../../provision/disk/disk-info.ts';

describe('a size', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [536_870_912, '537 MB'],
    [999_600_000, '1.0 GB'],
    [31_914_983_424, '31.9 GB'],
    [256e9, '256 GB'],
    [2_000_398_934_016, '2.0 TB'],
    [5e15, '5000 TB'],
  ])('of %s bytes is shown as %s', (bytes, expected) => {
    expect(showBytes(bytes)).toBe(expected);
  });
});
