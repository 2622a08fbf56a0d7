import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeEvent, toEnvelope } from '../../../src/events/codec.ts';
import type { BrambleEvent } from '../../../src/events/event.ts';
import { filterProblem, matches } from '../../../src/events/topics.ts';

const motion: BrambleEvent = {
  type: 'motion.detected',
  id: 'e1',
  node: 'pi-01',
  sensor: 'pir',
  sequence: 7,
  time: '2026-11-22T05:00:00.000Z',
};
const fallback = { id: 'made-up', time: '2026-01-01T00:00:00.000Z' };

describe('encodeEvent', () => {
  it('gives a retained state that a template can read and the CloudEvents attributes beside it', () => {
    const { topic, retain, payload, properties } = encodeEvent(motion);
    expect([topic, retain]).toEqual(['bramble/pi-01/motion/pir', true]);
    expect(JSON.parse(String(payload))).toEqual({
      motion: true,
      id: 'e1',
      sensor: 'pir',
      sequence: 7,
      time: motion.time,
    });
    expect(properties).toEqual({
      specversion: '1.0',
      id: 'e1',
      source: '/bramble/pi-01/motion/pir',
      type: 'motion.detected',
      time: motion.time,
      sequence: '7',
    });
  });

  it('does not retain results', () => {
    const finished: BrambleEvent = {
      type: 'function.finished',
      id: 'r',
      node: 'n',
      time: motion.time,
      function: 'echo',
      eventId: 'e1',
      status: 200,
      durationMs: 1,
      attempts: 1,
      result: 'x',
      hops: 1,
    };
    expect(encodeEvent(finished)).toMatchObject({
      topic: 'bramble/n/function/echo',
      retain: false,
      properties: { hops: '1' },
    });
  });

  it('publishes the scaling of a function beside its results, for whoever wants to know', () => {
    const encoded = encodeEvent({
      type: 'function.scaled',
      id: 's',
      node: 'n',
      time: motion.time,
      function: 'echo',
      replicas: 5,
      replicasBefore: 1,
      frozen: false,
      reason: 'load',
      explanation: '50 in flight',
    });
    expect(encoded).toMatchObject({ topic: 'bramble/n/scaling/echo', retain: false });
    const { topic, payload } = encoded;
    expect(toEnvelope({ topic, payload, properties: {} }, fallback).type).toBe('function.scaled');
  });
});

describe('toEnvelope', () => {
  it('finds the same attributes with and without user properties', () => {
    const encoded = encodeEvent(motion);
    const version5 = toEnvelope(encoded, fallback);
    const version311 = toEnvelope(
      { topic: encoded.topic, payload: encoded.payload, properties: {} },
      fallback,
    );
    expect(version311).toEqual(version5);
    expect(version5).toMatchObject({
      id: 'e1',
      type: 'motion.detected',
      source: '/bramble/pi-01/motion/pir',
      hops: 0,
      time: motion.time,
    });
  });

  it('serves a foreign publisher that sends neither', () => {
    const envelope = toEnvelope(
      { topic: 'garage/door', payload: Buffer.from('open'), properties: {} },
      fallback,
    );
    expect(envelope).toMatchObject({
      ...fallback,
      source: 'garage/door',
      type: 'mqtt.message',
      contentType: 'text/plain; charset=utf-8',
      hops: 0,
    });
  });

  it.each([
    ['open', 'text/plain; charset=utf-8'],
    ['{"open":true}', 'application/json'],
    ['[1]', 'application/json'],
    [new Uint8Array([0xff, 0xfe]), 'application/octet-stream'],
  ])('takes the payload %j of a publisher that names no type as %s', (payload, contentType) => {
    const message = { topic: 'a', payload: Buffer.from(payload), properties: {} };
    expect(toEnvelope(message, fallback).contentType).toBe(contentType);
  });

  it('does not believe impossible attributes', () => {
    const properties = { id: '', time: 'yesterday', hops: '-3' };
    expect(toEnvelope({ topic: 'a', payload: new Uint8Array(), properties }, fallback)).toMatchObject({
      ...fallback,
      hops: 0,
    });
  });

  it('never throws, whatever arrives', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('bramble/n/motion/pir', 'x', 'bramble/n/function/f'),
        fc.oneof(fc.string(), fc.json()),
        fc.dictionary(fc.constantFrom('id', 'time', 'hops', 'type'), fc.string()),
        (topic, text, properties) => {
          const envelope = toEnvelope({ topic, payload: Buffer.from(text), properties }, fallback);
          return (
            envelope.id.length > 0 &&
            Number.isInteger(envelope.hops) &&
            !Number.isNaN(Date.parse(envelope.time))
          );
        },
      ),
    );
  });
});

describe('matches', () => {
  it.each([
    ['a/b', 'a/b', true],
    ['a/+', 'a/b', true],
    ['a/+', 'a/b/c', false],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['+/b', '/b', true],
    ['#', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['a/b/c', 'a/b', false],
    ['a/+/c', 'a//c', true],
  ])('%s against %s is %s', (filter, topic, expected) => {
    expect(matches(filter, topic)).toBe(expected);
  });

  it('compares level by level, whatever the levels are', () => {
    const levels = fc.array(fc.constantFrom('a', 'b', 'ab', ''), { minLength: 1, maxLength: 4 });
    const wanted = fc.array(fc.constantFrom('a', 'b', 'ab', '', '+'), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(wanted, fc.boolean(), levels, (filter, isOpen, topic) => {
        const fits = filter.every((level, i) => i < topic.length && (level === '+' || level === topic[i]));
        const expected = fits && (isOpen || filter.length === topic.length);
        return matches([...filter, ...(isOpen ? ['#'] : [])].join('/'), topic.join('/')) === expected;
      }),
    );
  });
});

describe('filterProblem', () => {
  it.each(['', 'a/#/b', 'a#', 'a/b+', '$share/g/a', 'a\0b'])('refuses %j', (filter) => {
    expect(filterProblem(filter)).toBeTypeOf('string');
  });
  it.each(['#', '+', 'a/+/#', '/', 'a//b'])('takes %j', (filter) => {
    expect(filterProblem(filter)).toBeUndefined();
  });
});
