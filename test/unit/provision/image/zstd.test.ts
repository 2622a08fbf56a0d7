import { expect, it } from 'vitest';
import { readZstdSize } from '../../../../provision/image/packing/zstd.ts';

/** The start of a file as RFC 8878 has it: the frame's mark, its descriptor, and what follows. */
function headOf(...bytes: number[]): Buffer {
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...bytes]), Buffer.alloc(20)]);
}

it.each([
  ['one byte, in a single segment', headOf(0x20, 77), 77],
  ['two bytes, to which 256 are added', headOf(0x60, 1, 0), 257],
  ['four bytes, behind the window', headOf(0x80, 0x58, 0, 0, 0, 0x80), 2 ** 31],
  ['eight bytes, behind a dictionary of four', headOf(0xe3, 1, 2, 3, 4, 0, 0, 0, 0, 2, 0, 0, 0), 2 ** 33],
])('a length of %s is read', (_, head, sizeBytes) => {
  expect(readZstdSize(head)).toBe(sizeBytes);
});

it('a frame without its length has none, nor has a file that begins with a skippable one', () => {
  expect(readZstdSize(headOf(0x00, 0x58))).toBeUndefined();
  expect(readZstdSize(Buffer.from('502a4d1804000000', 'hex'))).toBeUndefined();
});
