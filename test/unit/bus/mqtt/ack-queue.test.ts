import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AckQueue } from '../../../../src/bus/mqtt/ack-queue.ts';

it('acknowledges each message once, in order of arrival, whatever order the work ends in', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray([1, 2, 300, 4000, 50_000, 65_535], { minLength: 6 }),
      async (order) => {
        const ids = [1, 2, 300, 4000, 50_000, 65_535];
        const written: number[] = [];
        const queue = new AckQueue((bytes) => written.push(...packetIds(bytes)));
        const done = new Map(ids.map((id) => [id, queue.add(id)]));
        const ended = new Set<number>();
        for (const id of order) {
          done.get(id)?.();
          ended.add(id);
          await Promise.resolve();
          const pending = ids.findIndex((each) => !ended.has(each));
          expect(written).toEqual(pending === -1 ? ids : ids.slice(0, pending));
        }
      },
    ),
  );
});

it('writes acknowledgements that fall due together at once', async () => {
  const writes: number[][] = [];
  const queue = new AckQueue((bytes) => writes.push(packetIds(bytes)));
  for (const done of [1, 2, 3].map((id) => queue.add(id))) done();
  await Promise.resolve();
  expect(writes).toEqual([[1, 2, 3]]);
});

/** Reads PUBACK packets of MQTT 3.1.1. */
function packetIds(bytes: Uint8Array): number[] {
  const ids: number[] = [];
  for (let i = 0; i < bytes.length; i += 4) {
    expect([...bytes.subarray(i, i + 2)]).toEqual([0x40, 2]);
    ids.push(Buffer.from(bytes).readUInt16BE(i + 2));
  }
  return ids;
}
