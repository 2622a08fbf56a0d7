import { describe, expect, it } from 'vitest';
import { graceMs, type KnownNode, planTakeover } from '../../../../src/bus/mqtt/plan-takeover.ts';

const nowMs = 100_000;
const online: KnownNode = { isOnline: true, sinceMs: 0 };
const gone: KnownNode = { isOnline: false, sinceMs: nowMs - graceMs };

function plan(me: string, nodes: Record<string, KnownNode>): readonly string[] {
  return planTakeover(new Map(Object.entries(nodes)), me, nowMs);
}

describe('who takes over a session', () => {
  it('is the first node by name that is online', () => {
    const nodes = { 'pi-3': online, 'pi-1': gone, 'pi-2': online };
    expect([plan('pi-2', nodes), plan('pi-3', nodes)]).toEqual([['pi-1'], []]);
  });

  it('is nobody while a node may only be restarting', () => {
    expect(
      plan('pi-2', { 'pi-1': { isOnline: false, sinceMs: nowMs - graceMs + 1 }, 'pi-2': online }),
    ).toEqual([]);
  });

  it('is no node that is not known to be online itself', () => {
    expect(plan('pi-2', { 'pi-1': gone })).toEqual([]);
    expect(plan('pi-2', { 'pi-1': gone, 'pi-2': gone })).toEqual([]);
  });

  it('is one node for all that are gone', () => {
    expect(plan('pi-2', { 'pi-1': gone, 'pi-2': online, 'pi-3': gone })).toEqual(['pi-1', 'pi-3']);
  });
});
