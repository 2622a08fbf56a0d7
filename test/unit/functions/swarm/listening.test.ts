import { describe, expect, it } from 'vitest';
import { Listening } from '../../../../src/functions/swarm/listening.ts';
import type { ProbeResult } from '../../../../src/functions/swarm/port-probe.ts';
import { ManualClock } from '../../../../src/support/clock.manual.ts';
import { silentLog } from '../../../../src/support/log.ts';

const task = { id: 't1', address: '10.0.1.5:8080' };

function open(answer: () => ProbeResult) {
  const clock = new ManualClock();
  const news: string[] = [];
  let probes = 0;
  const listening = new Listening({
    clock,
    log: silentLog,
    onChange: () => news.push('changed'),
    probe: async () => {
      probes += 1;
      return answer();
    },
  });
  const pass = (ms: number) => clock.advance(ms);
  return { listening, news, pass, probes: () => probes };
}

describe('a replica', () => {
  it('is ready when it listens, and not before', async () => {
    let answer: ProbeResult = 'refused';
    const { listening, news, pass } = open(() => answer);
    listening.follow([task]);
    await pass(60_000);
    expect(listening.has('t1')).toBe(false);
    answer = 'listening';
    await pass(1_000);
    expect(listening.has('t1')).toBe(true);
    expect(news).toEqual(['changed']);
  });

  it('that cannot be reached from here is believed after a while: other nodes may reach it', async () => {
    const { listening, pass } = open(() => 'unknown');
    listening.follow([task]);
    await pass(4_000);
    expect(listening.has('t1')).toBe(false);
    await pass(2_000);
    expect(listening.has('t1')).toBe(true);
  });

  it('that is gone is asked no more, and has to listen again when it comes back', async () => {
    let answer: ProbeResult = 'refused';
    const { listening, news, pass, probes } = open(() => answer);
    listening.follow([task]);
    await pass(1_000);
    listening.follow([]);
    const before = probes();
    answer = 'listening';
    await pass(5_000);
    expect(probes()).toBe(before);
    expect(news).toEqual([]);
    listening.follow([task]);
    await pass(100);
    expect(listening.has('t1')).toBe(true);
    listening.follow([]);
    expect(listening.has('t1')).toBe(false);
  });
});
