import { beforeEach, describe, expect, it } from 'vitest';
import type { Inventory } from '../../../../provision/inventory.ts';
import { MemoryRemote } from '../../../../provision/remote/remote.memory.ts';
import type { NodeFacts } from '../../../../provision/up/facts.ts';
import type { Cluster, Phase, Step } from '../../../../provision/up/phase.ts';
import { type RunPhasesOptions, runPhases } from '../../../../provision/up/run-phases.ts';
import type { UpEvent } from '../../../../provision/up/up-event.ts';
import { ManualClock } from '../../../../src/support/clock.manual.ts';
import { BrambleError } from '../../../../src/support/errors.ts';

const names = ['pi-01', 'pi-02', 'pi-03'];
const wanted = { nodes: names.map((name, i) => ({ name, role: i === 0 ? 'manager' : 'worker' })) };
const facts = { hostName: 'as far as this test goes' } as NodeFacts;

let done: string[];
let events: UpEvent[];
let signal: AbortController;
beforeEach(() => {
  done = [];
  events = [];
  signal = new AbortController();
});

function run(phases: readonly Phase[], change: Partial<RunPhasesOptions> = {}) {
  const machine = {
    run: async () => ({ status: 0, stdout: '', stderr: '' }),
    serve: () => {},
  };
  return runPhases({
    wanted: wanted as unknown as Inventory, // nothing else of it is looked at
    phases,
    remotes: new Map(names.map((name) => [name, new MemoryRemote(name, machine)])),
    reach: (remote, { signal }) => remote.connect({ signal }),
    readFacts: async () => facts,
    readSwarm: async () => undefined,
    clock: new ManualClock(),
    observe: (event) => events.push(event),
    signal: signal.signal,
    mode: 'act',
    width: 8,
    ...change,
  });
}

/** Plans this for each node that is well. */
function phase(name: string, act: (node: string) => Promise<void> | void, rest: Partial<Step> = {}): Phase {
  const step = (node: string): Step => ({
    ...{ node, title: `${name} it` },
    async act() {
      done.push(`${name} ${node}`);
      await act(node);
    },
    ...rest,
  });
  return { name, title: name, plan: ({ facts }: Cluster) => [...facts.keys()].map(step) };
}

const nothing = () => {};
const failing = (broken: string) => (node: string) => {
  if (node === broken) throw new BrambleError('REMOTE_FAILED', `${node} is broken`);
};

describe('the phases', () => {
  it('go one after the other, each over all nodes', async () => {
    const { steps } = await run([phase('first', nothing), phase('second', nothing)]);
    expect(done.map((one) => one.split(' ')[0])).toEqual([
      'first',
      'first',
      'first',
      'second',
      'second',
      'second',
    ]);
    expect(steps).toHaveLength(6);
  });

  it('leave out a node that failed, keep why, and go on with the others', async () => {
    const { failures, cluster } = await run([phase('first', failing('pi-02')), phase('second', nothing)]);
    expect(done.filter((one) => one.startsWith('second'))).toEqual(['second pi-01', 'second pi-03']);
    expect([...failures]).toEqual([
      ['pi-02', { phase: 'first', error: expect.objectContaining({ message: 'pi-02 is broken' }) }],
    ]);
    expect([...cluster.facts.keys()]).toEqual(['pi-01', 'pi-03']);
  });

  it('go on without a node that is not reached', async () => {
    const { failures } = await run([phase('first', nothing)], {
      reach: async ({ name }) => failing('pi-03')(name),
    });
    expect(done).toEqual(['first pi-01', 'first pi-02']);
    expect(failures.get('pi-03')?.phase).toBe('reach');
  });

  it('end with a decisive one that failed, and with no other', async () => {
    const decisive = (broken: string) => ({ ...phase('first', failing(broken)), isDecisive: true });
    await run([decisive('nobody'), phase('second', failing('pi-01')), phase('third', nothing)]);
    expect(done).toContain('third pi-02');
    done = [];
    const { cluster } = await run([decisive('pi-01'), phase('second', nothing)]);
    expect(done.filter((one) => one.startsWith('second'))).toEqual([]);
    expect([...cluster.facts.keys()]).toEqual(['pi-02', 'pi-03']);
  });

  it('leave out what they refuse to work on', async () => {
    const error = new BrambleError('UNSUPPORTED', 'pi-01: too small');
    const { failures } = await run([
      { ...phase('first', nothing), refuse: () => [{ node: 'pi-01', error }] },
      phase('second', nothing),
    ]);
    expect(done).toEqual(['first pi-02', 'first pi-03', 'second pi-02', 'second pi-03']);
    expect(failures.get('pi-01')).toEqual({ phase: 'first', error });
  });

  it('see what the phases before them changed', async () => {
    let version = 0;
    const seen: string[] = [];
    const look: Phase = {
      name: 'look',
      title: 'look',
      plan: ({ facts }) => {
        seen.push(facts.get('pi-01')?.hostName ?? '');
        return [];
      },
    };
    await run([look, phase('change', nothing), look], {
      readFacts: async () => ({ ...facts, hostName: `version ${version++}` }),
    });
    expect(seen).toEqual(['version 0', 'version 3']);
  });

  it('read nothing anew after a phase with nothing to do', async () => {
    let reads = 0;
    const idle: Phase = { name: 'idle', title: 'idle', plan: () => [] };
    await run([idle, idle], {
      readFacts: async () => {
        reads += 1;
        return facts;
      },
    });
    expect(reads).toBe(3);
  });

  it('stop altogether when one finds the cluster impossible', async () => {
    const impossible: Phase = {
      name: 'impossible',
      title: 'impossible',
      plan: () => {
        throw new BrambleError('INVALID', 'two heads');
      },
    };
    await expect(run([impossible, phase('second', nothing)])).rejects.toThrow('two heads');
    expect(done).toEqual([]);
  });
});

describe('the nodes', () => {
  /** Steps that end when all that may run at once have begun. */
  function meeting(count: number) {
    let most = 0;
    let running = 0;
    let open = () => {};
    const all = new Promise<void>((resolve) => {
      open = resolve;
    });
    return {
      most: () => most,
      async act() {
        running += 1;
        most = Math.max(most, running);
        if (running >= count) open();
        await all;
        running -= 1;
      },
    };
  }

  it('are worked on side by side', async () => {
    const { act, most } = meeting(3);
    await run([phase('first', act)]);
    expect(most()).toBe(3);
  });

  it('are no more at once than the width', async () => {
    const { act, most } = meeting(2);
    await run([phase('first', act)], { width: 2 });
    expect(most()).toBe(2);
  });

  it('wait for each other in a group', async () => {
    const { act, most } = meeting(1);
    await run([phase('first', act, { group: 'managers' })]);
    expect(most()).toBe(1);
    expect(done).toEqual(['first pi-01', 'first pi-02', 'first pi-03']);
  });

  it('of a group go on after one that failed', async () => {
    await run([phase('first', failing('pi-01'), { group: 'managers' })]);
    expect(done).toEqual(['first pi-01', 'first pi-02', 'first pi-03']);
  });

  it('do no further step after one that failed', async () => {
    const twice: Phase = {
      name: 'twice',
      title: 'twice',
      plan: (cluster) => [
        ...phase('first', failing('pi-02')).plan(cluster),
        ...phase('second', nothing).plan(cluster),
      ],
    };
    await run([twice]);
    expect(done.filter((one) => one.includes('pi-02'))).toEqual(['first pi-02']);
  });

  it('outside of the limit are not changed, and managers among them are asked', async () => {
    const asked: string[] = [];
    const { failures } = await run([phase('first', nothing)], {
      limit: new Set(['pi-02']),
      reach: async ({ name }) => {
        asked.push(name);
        failing('pi-01')(name);
      },
    });
    expect(asked.sort()).toEqual(['pi-01', 'pi-02']);
    expect(done).toEqual(['first pi-02']);
    expect(failures).toEqual(new Map());
  });
});

describe('a plan', () => {
  it('is made of every phase, and nothing is done', async () => {
    const { steps } = await run([phase('first', nothing), phase('second', nothing)], { mode: 'plan' });
    expect(done).toEqual([]);
    expect(steps.map(({ phase, node }) => `${phase} ${node}`)).toEqual([
      ...names.map((name) => `first ${name}`),
      ...names.map((name) => `second ${name}`),
    ]);
    expect(events.filter(({ kind }) => kind === 'step-planned')).toHaveLength(6);
  });
});

describe('an interruption', () => {
  it('lets what has begun come to its end, and begins nothing more', async () => {
    const ended: string[] = [];
    const interrupted = phase('first', async (node) => {
      signal.abort(new BrambleError('CANCELLED', 'enough'));
      await Promise.resolve();
      ended.push(node);
    });
    await expect(run([interrupted, phase('second', nothing)], { width: 1 })).rejects.toThrow('enough');
    expect({ done, ended }).toEqual({ done: ['first pi-01'], ended: ['pi-01'] });
  });

  it('is not told to steps that run', async () => {
    let isAborted: boolean | undefined;
    const step: Step = {
      node: 'pi-01',
      title: 'look at the signal',
      async act(context) {
        signal.abort(new BrambleError('CANCELLED', 'enough'));
        isAborted = context.signal.aborted;
      },
    };
    const look: Phase = { name: 'look', title: 'look', plan: () => [step] };
    await expect(run([look])).rejects.toThrow('enough');
    expect(isAborted).toBe(false);
  });
});

describe('the observer', () => {
  it('is told of each step when it begins, what it says, and when it ends', async () => {
    const talking: Phase = {
      name: 'talk',
      title: 'Talk',
      plan: () => [{ node: 'pi-02', title: 'talk', act: async ({ say }) => say('hello') }],
    };
    await run([talking]);
    expect(events.filter((event) => 'phase' in event && event.phase === 'talk')).toEqual([
      { kind: 'phase-started', phase: 'talk', title: 'Talk', steps: 1 },
      { kind: 'step-started', phase: 'talk', node: 'pi-02', title: 'talk' },
      { kind: 'step-said', phase: 'talk', node: 'pi-02', title: 'talk', line: 'hello' },
      { kind: 'step-ended', phase: 'talk', node: 'pi-02', title: 'talk', tookMs: 0 },
      { kind: 'phase-ended', phase: 'talk', steps: 1, tookMs: 0 },
    ]);
  });

  it('is told once of a node that failed', async () => {
    await run([phase('first', failing('pi-02'))]);
    expect(events.filter(({ kind }) => kind === 'node-failed')).toEqual([
      expect.objectContaining({ phase: 'first', node: 'pi-02' }),
    ]);
  });
});

describe('a Swarm whose last manager failed in a step', () => {
  it('is not taken for none', async () => {
    const swarm = { clusterId: 'one', nodes: [], services: [] };
    const readSwarm: RunPhasesOptions['readSwarm'] = async (facts) =>
      facts.has('pi-01') ? swarm : undefined;
    const { cluster } = await run([phase('first', failing('pi-01'))], { readSwarm });
    expect(cluster.swarm).toEqual(swarm);
  });
});

describe('a Swarm in the middle of an election', () => {
  it('is asked again', async () => {
    const clock = new ManualClock();
    let asked = 0;
    const running = run([phase('first', nothing)], {
      clock,
      readSwarm: async () => {
        asked += 1;
        if (asked === 1) throw new BrambleError('CONTROL_OFFLINE', 'no leader');
        return undefined;
      },
    });
    await clock.advance(10_000);
    await running;
    expect(done).toHaveLength(3);
  });
});
