import { describe, expect, it } from 'vitest';
import { isNews } from '../../../src/sensing/dead-band.ts';

const band = { width: 0.2, maxSilenceMs: 60_000 };
const last = { value: 21, atMs: 0 };

describe('a dead band', () => {
  it('lets the first value through', () => {
    expect(isNews(undefined, last, band)).toBe(true);
  });

  it('holds back a change that is smaller than its width', () => {
    expect(isNews(last, { value: 21.19, atMs: 10_000 }, band)).toBe(false);
    expect(isNews(last, { value: 20.81, atMs: 10_000 }, band)).toBe(false);
  });

  it('lets a change of exactly its width through, although 21.2 − 21 is less than 0.2 in binary', () => {
    expect(isNews(last, { value: 21.2, atMs: 10_000 }, band)).toBe(true);
  });

  it('repeats an unchanged value after the longest silence', () => {
    expect(isNews(last, { value: 21, atMs: 59_999 }, band)).toBe(false);
    expect(isNews(last, { value: 21, atMs: 60_000 }, band)).toBe(true);
  });

  it('of no width lets any change through, and only changes', () => {
    expect(isNews(last, { value: 21.001, atMs: 1 }, { ...band, width: 0 })).toBe(true);
    expect(isNews(last, { value: 21, atMs: 1 }, { ...band, width: 0 })).toBe(false);
  });
});
