import { expect, test } from 'vitest';
import type { Delivery } from '../../../../src/store/store.ts';
import { toRequest } from '../../../../src/triggers/delivery/to-request.ts';
import { buildEvent } from '../../../support/store-values.ts';

function buildStored(fields: Partial<Delivery> = {}): Delivery {
  return {
    id: 1,
    function: 'light',
    event: buildEvent({ id: 'event-a', hops: 2 }),
    attempts: 0,
    dueMs: 0,
    expiresMs: 1,
    orderKey: null,
    callbackUrl: null,
    request: null,
    ...fields,
  };
}

test('an event is posted in the binary mode of the CloudEvents HTTP binding', () => {
  expect(toRequest(buildStored())).toEqual({
    method: 'POST',
    path: '/',
    query: '',
    headers: {
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': 'event-a',
      'ce-source': '/bramble/pi-01/motion/pir',
      'ce-type': 'motion.detected',
      'ce-time': '2026-01-01T00:00:00.000Z',
      'ce-hops': '2',
      'x-topic': 'bramble/pi-01/motion/pir',
      'x-call-id': 'event-a',
    },
    body: Buffer.from('{"motion":true}'),
  });
});

test('a topic that no header can hold is percent-encoded', () => {
  const event = buildEvent({ topic: 'haus/Küche "1"\r\n100%', contentType: 'text/plain\r\nx: y' });
  const { headers } = toRequest(buildStored({ event }));
  expect(headers['x-topic']).toBe('haus/K%C3%BCche%20%221%22%0D%0A100%25');
  expect(headers['content-type']).toBe('application/octet-stream');
});

test('an async call keeps its method, path, query, headers and call id', () => {
  const request = {
    method: 'PUT',
    path: '/a',
    query: 'b=c',
    headers: { 'x-call-id': 'call-1', accept: '*/*' },
  };
  const { body, ...rest } = toRequest(buildStored({ request }));
  expect(rest).toEqual(request);
  expect(Buffer.from(body as Uint8Array).toString()).toBe('{"motion":true}');
});
