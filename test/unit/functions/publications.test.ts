import { describe, expect, it } from 'vitest';
import { readPublications } from '../../../src/functions/publications.ts';
import { toBrambleError } from '../../../src/support/errors.ts';

const allowed = ['bramble/+/gauge/#'];
const topic = 'bramble/pi/gauge/pixels/set';

function pathsOf(answer: unknown): string[] {
  try {
    readPublications(answer, allowed);
    return [];
  } catch (err) {
    return toBrambleError(err).problems.map(({ path }) => path);
  }
}

describe('what an answer asks to be published', () => {
  it('is text as it is, anything else as JSON', () => {
    const answer = {
      publish: [{ topic, payload: 'on' }, { topic, payload: { red: 1 }, retain: true }, { topic }],
    };
    expect(readPublications(answer, allowed)).toEqual([
      { topic, payload: 'on', retain: false },
      { topic, payload: '{"red":1}', retain: true },
      { topic, payload: '', retain: false },
    ]);
  });

  it('means nothing for a function that may not publish, or that asks for nothing', () => {
    expect(readPublications({ publish: 'whatever' }, [])).toEqual([]);
    for (const answer of [null, undefined, 'text', 7, [], {}])
      expect(readPublications(answer, allowed)).toEqual([]);
  });

  it('is refused as a whole when one topic is not allowed', () => {
    expect(pathsOf({ publish: [{ topic }, { topic: 'bramble/pi/motion/pir' }] })).toEqual([
      'publish.1.topic',
    ]);
  });

  it.each([
    ['publish', { publish: 'text' }],
    ['publish.0.topic', { publish: [{ payload: 'x' }] }],
    ['publish.0.topic', { publish: [{ topic: 'bramble/+/gauge/x' }] }],
    ['publish.0.topic', { publish: [{ topic: '' }] }],
    ['publish.0.qos', { publish: [{ topic, qos: 2 }] }],
    ['publish', { publish: Array.from({ length: 33 }, () => ({ topic })) }],
  ])('is refused, with its place %s, when it cannot be sent', (path, answer) => {
    expect(pathsOf(answer)).toEqual([path]);
  });
});
