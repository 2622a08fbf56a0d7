import { describe, expect, it } from 'vitest';
import type { Inventory } from '../../../../provision/inventory.ts';
import type { NodeFacts } from '../../../../provision/up/facts.ts';
import type { SwarmNode } from '../../../../provision/up/phase.ts';
import { parseVitals, warnOfVitals } from '../../../../provision/up/read-vitals.ts';
import { findWarnings } from '../../../../provision/up/warnings.ts';

interface Made {
  readonly managers?: number;
  readonly nodes?: number;
  readonly facts?: Partial<NodeFacts>;
  readonly swarm?: readonly Partial<SwarmNode>[];
}

function warningsOf({ managers = 3, nodes = 3, facts = {}, swarm = [] }: Made) {
  const names = Array.from({ length: nodes }, (_, i) => `pi-0${i + 1}`);
  const wanted = { nodes: names.map((name, i) => ({ name, role: i < managers ? 'manager' : 'worker' })) };
  const good = { hasMemoryCgroup: true, diskUsedBytes: 2e10, diskFreeBytes: 1e10, ...facts } as NodeFacts;
  const member = (own: Partial<SwarmNode>, i: number) =>
    ({
      hostName: `pi-0${i + 1}`,
      role: 'manager',
      isReady: true,
      isReachable: true,
      availability: 'active',
      ...own,
    }) as SwarmNode;
  return findWarnings({
    wanted: wanted as unknown as Inventory, // nothing else of it is looked at
    facts: new Map([['pi-01', good]]),
    swarm: { clusterId: 'one', services: [], nodes: swarm.map(member) },
  });
}

describe('a warning', () => {
  it('is not given for a healthy cluster', () => {
    expect(warningsOf({ swarm: [{}, {}, {}] })).toEqual([]);
  });

  it.each<[string, Made, RegExp]>([
    ['memory cannot be limited', { facts: { hasMemoryCgroup: false } }, /pi-01 .*cgroup_enable=memory/],
    ['little is left of a disk', { facts: { diskFreeBytes: 5e8, diskUsedBytes: 5e8 } }, /50 % full, 500 MB/],
    ['a large disk fills', { facts: { diskFreeBytes: 5e9, diskUsedBytes: 95e9 } }, /pi-01 is 95 % full/],
    ['everything hangs on one manager', { managers: 1 }, /only one manager/],
    ['no more manager may go', { swarm: [{}, {}, { isReachable: false }] }, /2 of 3 managers are there/],
    ['a node is away', { swarm: [{ isReady: false, role: 'worker' }] }, /does not see pi-01/],
    ['a node takes no work', { swarm: [{ availability: 'drain' }] }, /pi-01 takes no work.*drain/],
  ])('is given when %s', (_, made, words) => {
    expect(warningsOf(made)).toEqual([expect.stringMatching(words)]);
  });
});

describe('the vitals of a node', () => {
  const lines = (values: Record<string, string | number>) =>
    Object.entries(values)
      .map(([name, value]) => `${name}\t${value}\n`)
      .join('');

  it('are shares of what the machine has', () => {
    const text = lines({
      ...{ load: 2, processors: 4, upSeconds: '61.5', memoryTotal: 1000, memoryFree: 250 },
      ...{ diskUsed: 30, diskFree: 70, agent: 'Up 3 hours' },
    });
    expect(parseVitals(text)).toEqual({
      ...{ loadRatio: 0.5, memoryRatio: 0.75, diskRatio: 0.3, upMs: 61_500 },
      ...{ power: undefined, agent: 'Up 3 hours' },
    });
  });

  it.each([
    ['50005', [/too little voltage now/, /slower than it could/]],
    ['50000', [/had too little voltage since/]],
    ['0', []],
  ])('warn by the bits of the firmware: %s', (throttled, words) => {
    const warnings = warnOfVitals('pi-01', parseVitals(lines({ throttled })));
    expect(warnings).toEqual(words.map((pattern) => expect.stringMatching(pattern)));
  });
});
