import { expect, test } from 'vitest';
import type { Delivery } from '../../../../src/store/store.ts';
import { LineUp } from '../../../../src/triggers/delivery/line-up.ts';
import { buildEvent } from '../../../support/store-values.ts';

function buildWaiting(id: number, dataBytes: number): Delivery {
  return {
    id,
    function: 'light',
    event: buildEvent({ data: Buffer.alloc(dataBytes) }),
    attempts: 0,
    dueMs: 0,
    expiresMs: 1_000_000,
    orderKey: null,
    callbackUrl: null,
    request: null,
  };
}

test('a line keeps small events, and of large ones the place only', () => {
  const lineUp = new LineUp();
  lineUp.add(buildWaiting(1, 100), { waitMs: 0, nowMs: 0 });
  lineUp.add(buildWaiting(2, 100_000), { waitMs: 0, nowMs: 0 });

  expect(lineUp.take()).toMatchObject({ id: 1, delivery: { id: 1 } });
  expect(lineUp.take()).toMatchObject({ id: 2, delivery: undefined });
});
