import { describe, expect, it } from 'vitest';
import { fromAmounts, parseCpu, parseMemory, toAmounts } from '../../../../src/functions/swarm/resources.ts';
import type { Problem } from '../../../../src/support/errors.ts';

describe('limits of a function', () => {
  it.each([
    ['64m', 67_108_864],
    ['64M', 67_108_864],
    ['64Mi', 67_108_864],
    ['64MB', 67_108_864],
    ['64MiB', 67_108_864],
    ['1.5g', 1_610_612_736],
    ['67108864', 67_108_864],
    ['5 k', 5_120],
  ])('read memory %s as %i bytes', (text, bytes) => expect(parseMemory(text)).toBe(bytes));

  it.each([
    ['0.5', 500_000_000],
    ['500m', 500_000_000],
    ['2', 2_000_000_000],
    ['100000000', 100_000_000],
  ])('read cpu %s as %i billionths', (text, nano) => expect(parseCpu(text)).toBe(nano));

  it.each(['much', '', '-1m', '1x', '0x10', 'm'])('refuse memory "%s"', (text) =>
    expect(parseMemory(text)).toBeUndefined(),
  );

  it.each(['half', '', '-1', '1e3', '0'])('refuse cpu "%s"', (text) =>
    expect(parseCpu(text)).toBeUndefined(),
  );

  it('name every field that cannot be read', () => {
    const problems: Problem[] = [];
    expect(toAmounts({ memory: 'much', cpu: 'some' }, { path: 'limits', problems })).toEqual({});
    expect(problems.map(({ path }) => path)).toEqual(['limits.memory', 'limits.cpu']);
  });

  it('are shown again as they could have been written', () => {
    expect(fromAmounts({ MemoryBytes: 67_108_864, NanoCPUs: 500_000_000 })).toEqual({
      memory: '64Mi',
      cpu: '500m',
    });
    expect(fromAmounts({ MemoryBytes: 7_000_001, NanoCPUs: 1 })).toEqual({
      memory: '7000001',
      cpu: '1e-9',
    });
    expect(fromAmounts({})).toBeUndefined();
  });
});
