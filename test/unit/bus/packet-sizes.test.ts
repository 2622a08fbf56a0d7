import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PacketSizes } from '../../../src/bus/packet-sizes.ts';

it('finds the size of every packet, however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(20_000), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 5_000 }),
      (lengths, step) => {
        const bytes = Buffer.concat(lengths.map((length) => packet(length)));
        const sizes = new PacketSizes();
        let largest = 0;
        for (let i = 0; i < bytes.length; i += step)
          largest = Math.max(largest, sizes.feed(bytes.subarray(i, i + step)));
        expect(largest).toBe(Math.max(...lengths));
      },
    ),
  );
});

it('tells the size as soon as the header is there', () => {
  expect(new PacketSizes().feed(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0x7f))).toBe(268_435_455);
});

function packet(length: number): Buffer {
  const header = [0x30];
  for (let left = length; ; left >>= 7) {
    header.push(left > 0x7f ? (left & 0x7f) | 0x80 : left);
    if (left <= 0x7f) break;
  }
  // 0xff would be a continuation byte, were it taken for one.
  return Buffer.concat([Buffer.from(header), Buffer.alloc(length, 0xff)]);
}
