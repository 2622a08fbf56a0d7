import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matches } from '../../../src/events/topics.ts';
import { covers, disjointCover, overlap } from '../../../src/triggers/filter-cover.ts';

const word = fc.constantFrom('a', 'b', 'c');
const level = fc.oneof({ arbitrary: word, weight: 3 }, { arbitrary: fc.constant('+'), weight: 1 });
const hidden = fc.constantFrom('$SYS', '$x');
const filter = fc
  .record({
    start: fc.option(hidden, { nil: undefined }),
    levels: fc.array(level, { minLength: 1, maxLength: 4 }),
    isOpen: fc.boolean(),
  })
  .map(({ start, levels, isOpen }) =>
    [...(start === undefined ? [] : [start]), ...levels, ...(isOpen ? ['#'] : [])].join('/'),
  );
const anyFilter = fc.oneof({ arbitrary: filter, weight: 9 }, { arbitrary: fc.constant('#'), weight: 1 });
const topic = fc
  .tuple(
    fc.oneof({ arbitrary: word, weight: 4 }, { arbitrary: hidden, weight: 1 }),
    fc.array(word, { maxLength: 4 }),
  )
  .map(([start, rest]) => [start, ...rest].join('/'));

test('no two filters of a cover match the same topic', () => {
  fc.assert(
    fc.property(fc.array(anyFilter, { maxLength: 8 }), topic, (wanted, name) => {
      const hits = disjointCover(wanted).filter((one) => matches(one, name));
      expect(hits.length).toBeLessThan(2);
    }),
    { numRuns: 2_000 },
  );
});

test('a cover matches every topic that a wanted filter matches', () => {
  fc.assert(
    fc.property(fc.array(anyFilter, { maxLength: 8 }), topic, (wanted, name) => {
      const cover = disjointCover(wanted);
      for (const one of wanted) {
        expect(cover.some((outer) => covers(outer, one))).toBe(true);
        if (matches(one, name)) expect(cover.some((outer) => matches(outer, name))).toBe(true);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('overlap and cover agree with what filters match', () => {
  fc.assert(
    fc.property(anyFilter, anyFilter, topic, (a, b, name) => {
      if (matches(a, name) && matches(b, name)) expect(overlap(a, b)).toBe(true);
      if (covers(a, b) && matches(b, name)) expect(matches(a, name)).toBe(true);
      expect(overlap(a, b)).toBe(overlap(b, a));
    }),
    { numRuns: 5_000 },
  );
});

test.each([
  { wanted: ['a/b', 'a/+'], cover: ['a/+'] },
  { wanted: ['a/+/c', 'a/b/+'], cover: ['a/+/+'] },
  { wanted: ['a/#', 'a', 'a/b/c'], cover: ['a/#'] },
  { wanted: ['a/#', '+/b'], cover: ['+/#'] },
  { wanted: ['a/b', 'a/c'], cover: ['a/b', 'a/c'] },
  { wanted: ['#', '$SYS/#'], cover: ['#', '$SYS/#'] },
  { wanted: ['a/+/c', 'x/y', 'a/b/+', '+/+/z'], cover: ['+/+/+', 'x/y'] },
])('$wanted are covered by $cover', ({ wanted, cover }) => {
  expect(disjointCover(wanted)).toEqual(cover);
});
