import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cpuRatioBetween, loadUsage, parseCpuTimes, parseMemoryRatio } from '../../../src/gauge/proc.ts';

/** As a Raspberry Pi 4 prints them. */
const stat = `cpu  84652 1205 37290 9482160 15320 0 1874 0 0 0
cpu0 21877 298 9830 2367201 3902 0 1320 0 0 0
cpu1 20912 310 9140 2371922 3790 0 190 0 0 0
intr 28461297 0 1034 8841231 0 0
ctxt 51892374
btime 1767225600
processes 48213
procs_running 2
procs_blocked 0
`;
const meminfo = `MemTotal:        3884340 kB
MemFree:          412788 kB
MemAvailable:    2913255 kB
Buffers:           81024 kB
Cached:          2371234 kB
SwapCached:            0 kB
`;

describe('figures of /proc', () => {
  it('are read: waiting for the disk is no work, and guests are not counted twice', () => {
    expect(parseCpuTimes(stat)).toEqual({ busy: 125_021, total: 9_622_501 });
    expect(parseCpuTimes('cpu  10 0 10 60 20 0 0 0 9 9\n')).toEqual({ busy: 20, total: 100 });
  });

  it('give the memory that nobody could have, the cache not counting', () => {
    expect(parseMemoryRatio(meminfo)).toBeCloseTo(0.25, 3);
  });

  it('are not found in other text', () => {
    expect(parseCpuTimes('intr 5')).toBeUndefined();
    expect(parseCpuTimes('cpu0 1 2 3 4')).toBeUndefined();
    expect(parseMemoryRatio('MemTotal: 100 kB')).toBeUndefined();
    expect(parseMemoryRatio('')).toBeUndefined();
  });

  it('give the busy part of the time between two moments', () => {
    const before = { busy: 100, total: 1_000 };
    expect(cpuRatioBetween(before, { busy: 150, total: 1_200 })).toBe(0.25);
    expect(cpuRatioBetween(before, before)).toBeUndefined();
    expect(cpuRatioBetween(before, { busy: 99, total: 1_100 })).toBe(0);
  });

  it('are read from files below a root', async () => {
    const root = await mkdtemp(join(tmpdir(), 'bramble-proc-'));
    onTestFinished(() => rm(root, { recursive: true }));
    await Promise.all([writeFile(join(root, 'stat'), stat), writeFile(join(root, 'meminfo'), meminfo)]);
    const { cpu, memoryRatio } = await loadUsage(root);
    expect(cpu.total).toBe(9_622_501);
    expect(memoryRatio).toBeCloseTo(0.25, 3);
  });

  it('come from Node where there is no /proc', async () => {
    const { cpu, memoryRatio } = await loadUsage(join(tmpdir(), 'no-such-folder'));
    expect(cpu.total).toBeGreaterThan(cpu.busy);
    expect(memoryRatio).toBeGreaterThan(0);
    expect(memoryRatio).toBeLessThan(1);
  });
});
