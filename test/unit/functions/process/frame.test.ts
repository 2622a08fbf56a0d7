import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHead, FrameDecoder } from '../../../../src/functions/process/frame.ts';

const encode = (head: unknown, body: Uint8Array) => Buffer.concat([encodeHead(head, body.byteLength), body]);

describe('frames', () => {
  it('come out as they went in, however the bytes are cut', () => {
    const frame = fc.record({ head: fc.jsonValue(), body: fc.uint8Array({ maxLength: 300 }) });
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (frames, cuts) => {
          const bytes = Buffer.concat(frames.map(({ head, body }) => encode(head, body)));
          const decoder = new FrameDecoder(1_000);
          const decoded = [];
          for (let start = 0, i = 0; start < bytes.length; i += 1) {
            const end = start + (cuts[i % cuts.length] ?? 1);
            decoded.push(...decoder.push(bytes.subarray(start, end)));
            start = end;
          }
          expect(decoded.map(({ head }) => head)).toEqual(
            frames.map(({ head }) => JSON.parse(JSON.stringify(head))),
          );
          expect(decoded.map(({ body }) => [...body])).toEqual(frames.map(({ body }) => [...body]));
        },
      ),
    );
  });

  it('over the limit are refused as soon as their length is known', () => {
    const decoder = new FrameDecoder(10);
    expect(() => decoder.push(encodeHead({}, 11))).toThrow(RangeError);
    const huge = Buffer.alloc(8, 0xff);
    expect(() => new FrameDecoder(10).push(huge)).toThrow(RangeError);
  });

  it('with a head that is not JSON are refused', () => {
    const bytes = Buffer.concat([Buffer.from([0, 0, 0, 1, 0, 0, 0, 0]), Buffer.from('x')]);
    expect(() => new FrameDecoder(10).push(bytes)).toThrow(SyntaxError);
  });
});
