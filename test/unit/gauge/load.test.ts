import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryBus } from '../../../src/bus/bus.memory.ts';
import { LoadSampler } from '../../../src/gauge/load.ts';
import {
  decodeNodeLoad,
  encodeNodeLoad,
  isMeaningfulChange,
  type NodeLoad,
  strainOf,
} from '../../../src/gauge/node-load.ts';
import { ManualClock } from '../../../src/support/clock.manual.ts';
import { silentLog } from '../../../src/support/log.ts';
import { nodeLoad } from '../../support/loads.ts';
import { publishedTo } from '../../support/published.ts';
import { until } from '../../support/wait.ts';

const topic = 'bramble/pi-01/load';

async function openSampler() {
  const procRoot = await mkdtemp(join(tmpdir(), 'bramble-proc-'));
  onTestFinished(() => rm(procRoot, { recursive: true }));
  const machine = { busy: 0, total: 0, inFlight: 0 };
  const write = () =>
    Promise.all([
      writeFile(
        join(procRoot, 'stat'),
        `cpu  ${machine.busy} 0 0 ${machine.total - machine.busy} 0 0 0 0 0 0\n`,
      ),
      writeFile(join(procRoot, 'meminfo'), 'MemTotal: 1000 kB\nMemAvailable: 600 kB\n'),
    ]);
  await write();
  const clock = new ManualClock();
  const bus = new MemoryBus();
  await bus.start();
  const samples: NodeLoad[] = [];
  const sampler = new LoadSampler({
    node: 'pi-01',
    bus,
    clock,
    log: silentLog,
    procRoot,
    sampleMs: 1_000,
    publishMs: 2_000,
    staleMs: 12_000,
    readCelsius: () => 48.5,
    isThrottled: () => false,
    countInFlight: () => machine.inFlight,
    onSample: (load) => samples.push(load),
  });
  await sampler.start();
  /** One tick with the processors busy for this part of it. */
  const second = async (cpuRatio: number) => {
    machine.busy += cpuRatio * 100;
    machine.total += 100;
    await write();
    const count = samples.length;
    await clock.advance(1_000);
    await until('a sample', () => samples.length > count);
    await clock.advance(0);
  };
  const seconds = async (count: number, cpuRatio: number) => {
    for (let i = 0; i < count; i += 1) await second(cpuRatio);
  };
  return { bus, clock, machine, samples, sampler, second, seconds };
}

describe('sampling the load', () => {
  it('measures processors since the last sample, memory, heat and functions in flight', async () => {
    const { samples, second, machine, bus } = await openSampler();
    machine.inFlight = 3;
    await second(0.25);
    await second(0.75);
    expect(samples).toMatchObject([{ cpuRatio: 0.25 }, { cpuRatio: 0.75 }]);
    expect(JSON.parse(publishedTo(bus, topic)[0] ?? '')).toEqual({
      node: 'pi-01',
      time: '2026-01-01T00:00:01.000Z',
      cpuRatio: 0.25,
      memoryRatio: 0.4,
      celsius: 48.5,
      throttled: false,
      inFlight: 3,
    });
    expect(bus.published.at(-1)?.retain).toBe(true);
  });

  it('is published when it changes noticeably, and no oftener than configured', async () => {
    const { bus, seconds } = await openSampler();
    await seconds(1, 0.1);
    await seconds(1, 0.9);
    expect(publishedTo(bus, topic)).toHaveLength(1);
    await seconds(1, 0.9);
    expect(publishedTo(bus, topic)).toHaveLength(2);
  });

  it('is published unchanged as a sign of life, three times before others would miss it', async () => {
    const { bus, seconds } = await openSampler();
    await seconds(9, 0.1);
    expect(publishedTo(bus, topic)).toHaveLength(3);
  });

  it('is sampled without a broker, and published at once when there is one', async () => {
    const { bus, samples, seconds } = await openSampler();
    await bus.setState('offline');
    await seconds(3, 0.1);
    expect(samples).toHaveLength(3);
    expect(publishedTo(bus, topic)).toEqual([]);
    await bus.setState('online');
    await seconds(1, 0.1);
    expect(publishedTo(bus, topic)).toHaveLength(1);
  });

  it('is taken back on leaving, so that nobody misses the node', async () => {
    const { bus, clock, sampler, second } = await openSampler();
    await second(0.1);
    await sampler.stop();
    expect(publishedTo(bus, topic).at(-1)).toBe('');
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('a node’s load', () => {
  it('survives encoding, ratios to three digits', () => {
    const load = nodeLoad({ cpuRatio: 0.123_456, celsius: 51 });
    expect(decodeNodeLoad(Buffer.from(encodeNodeLoad(load)))).toEqual({ ...load, cpuRatio: 0.123 });
  });

  it('is not seen in anything else', () => {
    for (const text of ['', 'online', '{}', '[]', 'null', JSON.stringify(nodeLoad({ cpuRatio: 7 }))])
      expect(decodeNodeLoad(Buffer.from(text))).toBeUndefined();
  });

  it('strains a node by processors, or by memory once that is short', () => {
    expect(strainOf({ cpuRatio: 0.5, memoryRatio: 0.7 })).toBe(0.5);
    expect(strainOf({ cpuRatio: 0.1, memoryRatio: 0.6 })).toBe(0.1);
    expect(strainOf({ cpuRatio: 0.1, memoryRatio: 0.85 })).toBeCloseTo(0.5);
    expect(strainOf({ cpuRatio: 0.1, memoryRatio: 1 })).toBe(1);
  });

  it('changes noticeably by what a person would notice', () => {
    const before = nodeLoad({ celsius: 50 });
    expect(isMeaningfulChange(before, { ...before, cpuRatio: 0.14, celsius: 50.5 })).toBe(false);
    expect(isMeaningfulChange(before, { ...before, cpuRatio: 0.2 })).toBe(true);
    expect(isMeaningfulChange(before, { ...before, throttled: true })).toBe(true);
    expect(isMeaningfulChange(before, nodeLoad())).toBe(true);
  });
});
