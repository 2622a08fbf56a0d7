import { expect, test } from 'vitest';
import { orderKeyOf, toDelivery } from '../../../src/triggers/fan-out.ts';
import { buildEvent } from '../../support/store-values.ts';
import { buildEntry } from '../../support/triggers.ts';

test.each([
  { setting: 'none', key: null },
  { setting: 'topic', key: 'bramble/pi-01/motion/pir' },
  { setting: '/room/name', key: 'hall' },
  { setting: '/a~1b', key: '7' },
  { setting: '/list/1', key: 'second' },
  { setting: '/room', key: '{"name":"hall"}' },
  { setting: '/nothing', key: null },
  { setting: '/room/name/deeper', key: null },
  { setting: '/__proto__', key: null },
])('order key $setting of an event is $key', ({ setting, key }) => {
  const data = Buffer.from('{"room":{"name":"hall"},"a/b":7,"list":["first","second"]}');
  expect(orderKeyOf(setting, buildEvent({ data }))).toBe(key);
});

test('an event that is not JSON has no key in its payload', () => {
  expect(orderKeyOf('/room', buildEvent({ data: Buffer.from('hello') }))).toBeNull();
});

test('a time to live beyond all numbers is one without end', () => {
  const entry = buildEntry('light', { delivery: { ttlMs: Number.MAX_SAFE_INTEGER } });
  expect(toDelivery(entry, buildEvent(), { nowMs: Date.UTC(2026, 0) }).expiresMs).toBe(
    Number.MAX_SAFE_INTEGER,
  );
});

test('a delivery carries the limits of its function', () => {
  const entry = buildEntry('light', {
    delivery: { ttlMs: 5_000, queueLimit: 3, queueWhenFull: 'drop-oldest' },
  });
  expect(toDelivery(entry, buildEvent(), { nowMs: 1_000 })).toEqual({
    function: 'light',
    expiresMs: 6_000,
    orderKey: null,
    queue: { limit: 3, whenFull: 'drop-oldest' },
  });
});
