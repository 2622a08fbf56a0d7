import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Demand } from '../../../src/control/demand-board.ts';
import { changesOf, type Simulation, type Step, simulate } from '../../support/simulate-load.ts';

/** Repeatable noise from 0 to 1. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

const steady = (inFlight: number) => () => ({ inFlight });
const until = (end: number, inFlight: number) => (second: number) => ({
  inFlight: second < end ? inFlight : 0,
});
const needOf = ({ demand }: Step, target = 10) =>
  Math.min(20, Math.max(1, Math.ceil(demand.inFlight / target)));

describe('under load', () => {
  it('a step of heavy load is met with 20 replicas at the first decision', () => {
    const steps = simulate({ seconds: 30, demandAt: (second) => ({ inFlight: second < 5 ? 0 : 400 }) });
    expect(changesOf(steps)).toEqual(['5 s: 20 (load)']);
    expect(steps.at(-1)?.ready).toBe(20);
  });

  it('a ramp is followed step by step, and never lacks replicas for longer than they take to start', () => {
    const steps = simulate({ seconds: 200, demandAt: (second) => ({ inFlight: second }) });
    for (const step of steps) expect(step.replicas).toBeGreaterThanOrEqual(needOf(step));
    const late = steps.filter((step, i) => i >= 3 && step.ready < needOf(steps[i - 3] ?? step));
    expect(late).toEqual([]);
    expect(changesOf(steps)).toHaveLength(19);
  });

  it('replicas go at once to the most that was needed when the window is over', () => {
    const steps = simulate({ seconds: 200, demandAt: (second) => ({ inFlight: second < 10 ? 100 : 30 }) });
    expect(changesOf(steps)).toEqual(['0 s: 10 (load)', '69 s: 3 (quiet)']);
  });

  it('the window is what the label says', () => {
    const steps = simulate({ seconds: 60, labels: { 'down.window': '10s' }, demandAt: until(5, 50) });
    expect(changesOf(steps)).toEqual(['0 s: 5 (load)', '14 s: 1 (quiet)']);
  });

  it('load that swings faster than the window changes nothing', () => {
    const steps = simulate({
      seconds: 600,
      demandAt: (second) => ({ inFlight: Math.round(50 + 45 * Math.sin(second / 5)) }),
    });
    expect(changesOf(steps).every((change) => change.endsWith('(load)'))).toBe(true);
    expect(steps.slice(60).every(({ replicas }) => replicas === 10)).toBe(true);
  });

  it('load that swings slower than the window goes up and down once each swing', () => {
    const steps = simulate({
      seconds: 1_200,
      demandAt: (second) => ({ inFlight: second % 300 < 100 ? 80 : 5 }),
    });
    expect(changesOf(steps)).toHaveLength(8);
  });

  it('noise around a limit between two numbers of replicas settles on the larger', () => {
    const next = noise(7);
    const steps = simulate({ seconds: 1_800, demandAt: () => ({ inFlight: Math.round(45 + 10 * next()) }) });
    expect(changesOf(steps).length).toBeLessThanOrEqual(2);
    expect(steps.slice(60).every(({ replicas }) => replicas === 6)).toBe(true);
  });

  it('one spike costs one step up and one down', () => {
    const steps = simulate({ seconds: 300, demandAt: (second) => ({ inFlight: second === 100 ? 150 : 4 }) });
    expect(changesOf(steps)).toEqual(['100 s: 15 (load)', '160 s: 1 (quiet)']);
  });

  it.each([
    ['calls in flight, 5 a replica', { target: '5' }, { inFlight: 21 }, 5],
    ['calls a second', { type: 'rps', target: '100' }, { callsPerSecond: 450 }, 5],
    ['deliveries that wait', { type: 'queue', target: '25' }, { waiting: 101, queues: 1 }, 5],
    ['calls in flight where the processor is meant', { type: 'cpu', target: '80' }, { inFlight: 50 }, 5],
  ])('the target counts %s', (_, labels, demand, replicas) => {
    expect(simulate({ seconds: 1, labels, demandAt: () => demand }).at(-1)?.replicas).toBe(replicas);
  });

  it('a queue counts as far as it is worked on at once: one delivery a node and queue unless told', () => {
    const demandAt = () => ({ waiting: 5_000, queues: 3 });
    expect(simulate({ seconds: 1, demandAt }).at(-1)?.replicas).toBe(1);
    expect(simulate({ seconds: 1, concurrency: 40, demandAt }).at(-1)?.replicas).toBe(12);
  });

  it.each([
    ['min and max are equal', { min: '4', max: '4' }, ['0 s: 4 (limits)']],
    ['the factor is 0', { factor: '0' }, []],
  ])('nothing is scaled by load where %s', (_, labels, changes) => {
    expect(changesOf(simulate({ seconds: 120, labels, demandAt: steady(500) }))).toEqual(changes);
  });

  it('limits are kept from the first decision on', () => {
    expect(changesOf(simulate({ seconds: 90, labels: { min: '3' }, demandAt: steady(0) }))).toEqual([
      '0 s: 3 (limits)',
    ]);
  });

  it('what somebody set by hand is kept for a window, and never over the limit', () => {
    const plan = { seconds: 200, demandAt: steady(0) };
    expect(changesOf(simulate({ ...plan, setByHand: { 20: 7 } }))).toEqual(['80 s: 1 (quiet)']);
    expect(changesOf(simulate({ ...plan, labels: { max: '5' }, setByHand: { 20: 7 } }))).toEqual([
      '20 s: 5 (limits)',
      '80 s: 1 (quiet)',
    ]);
  });

  it('a new leader takes nothing away before it has watched for a window', () => {
    const steps = simulate({ seconds: 200, newLeaderAt: [50], demandAt: until(20, 60) });
    expect(changesOf(steps)).toEqual(['0 s: 6 (load)', '110 s: 1 (quiet)']);
  });
});

describe('without load', () => {
  const zero = { zero: 'true', 'zero-duration': '5m', 'down.window': '20s' };

  it('a function that may go to zero is first frozen, then removed, and the first call wakes it', () => {
    const steps = simulate({
      seconds: 420,
      labels: zero,
      demandAt: (second) => ({ inFlight: second < 10 ? 55 : second === 400 ? 1 : 0 }),
    });
    expect(changesOf(steps)).toEqual([
      '0 s: 6 (load)',
      '29 s: 1 (quiet)',
      '69 s: 1 frozen (idle)',
      '309 s: 0 (idle)',
      '400 s: 1 (wake)',
    ]);
  });

  it('who waits for a frozen function wakes it, and a single call lets it run on for as long as before', () => {
    const steps = simulate({ seconds: 160, labels: zero, wakesAt: [80], demandAt: steady(0) });
    expect(changesOf(steps)).toEqual(['60 s: 1 frozen (idle)', '80 s: 1 (wake)', '140 s: 1 frozen (idle)']);
  });

  it('a burst upon a frozen or removed function gets what it needs at once', () => {
    const burstAt = (start: number) => (second: number) => ({ inFlight: second >= start ? 95 : 0 });
    expect(changesOf(simulate({ seconds: 110, labels: zero, demandAt: burstAt(100) }))).toEqual([
      '60 s: 1 frozen (idle)',
      '100 s: 10 (wake)',
    ]);
    expect(changesOf(simulate({ seconds: 410, labels: zero, demandAt: burstAt(400) })).slice(1)).toEqual([
      '300 s: 0 (idle)',
      '400 s: 10 (wake)',
    ]);
  });

  it('least replicas are frozen together, and are there again after a call', () => {
    const steps = simulate({
      seconds: 400,
      labels: { ...zero, min: '3' },
      wakesAt: [350],
      demandAt: steady(0),
    });
    expect(changesOf(steps)).toEqual([
      '0 s: 3 (limits)',
      '60 s: 3 frozen (idle)',
      '300 s: 0 (idle)',
      '350 s: 3 (wake)',
    ]);
  });

  it('calls that come and go between two looks, and deliveries that wait, keep a function awake', () => {
    expect(
      changesOf(simulate({ seconds: 400, labels: zero, demandAt: () => ({ callsPerSecond: 0.2 }) })),
    ).toEqual([]);
    expect(
      changesOf(simulate({ seconds: 400, labels: zero, demandAt: () => ({ waiting: 1, queues: 1 }) })),
    ).toEqual([]);
  });

  it('a function that may not go to zero is left alone', () => {
    expect(changesOf(simulate({ seconds: 3_600, demandAt: steady(0) }))).toEqual([]);
  });

  it.each([
    ['never', '0', ['300 s: 0 (idle)']],
    ['after the time it says', '2m', ['120 s: 1 frozen (idle)', '300 s: 0 (idle)']],
    ['never, where it is removed sooner', '10m', ['300 s: 0 (idle)']],
  ])('bramble.freeze-after freezes %s', (_, freezeAfter, changes) => {
    const annotations = { 'bramble.freeze-after': freezeAfter };
    expect(changesOf(simulate({ seconds: 320, labels: zero, annotations, demandAt: steady(0) }))).toEqual(
      changes,
    );
  });

  it('what cannot be frozen is only removed, and the event says why', () => {
    const steps = simulate({
      seconds: 320,
      labels: zero,
      freezeObstacle: 'Docker checks its health',
      demandAt: steady(0),
    });
    expect(changesOf(steps)).toEqual(['300 s: 0 (idle)']);
    expect(steps[300]?.explanation).toBe('not called for 300 s; it was not frozen: Docker checks its health');
  });

  it('a function that somebody scaled to none stays so until it is called', () => {
    const steps = simulate({ seconds: 60, setByHand: { 10: 0 }, wakesAt: [40], demandAt: steady(0) });
    expect(changesOf(steps)).toEqual(['40 s: 1 (wake)']);
  });
});

describe('whatever happens', () => {
  const demand: fc.Arbitrary<Partial<Demand>> = fc.record({
    inFlight: fc.oneof(fc.constant(0), fc.nat(400)),
    waiting: fc.oneof(fc.constant(0), fc.nat(10_000)),
    callsPerSecond: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 5_000, noNaN: true })),
    queues: fc.nat(5),
  });
  const plans: fc.Arbitrary<Simulation> = fc
    .record({
      demands: fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), demand), { minLength: 1, maxLength: 12 }),
      min: fc.nat(5),
      more: fc.nat(30),
      type: fc.constantFrom('capacity', 'rps', 'queue', 'cpu'),
      target: fc.integer({ min: 1, max: 200 }),
      zero: fc.boolean(),
      window: fc.nat(60),
      freezeAfter: fc.nat(60),
      zeroDuration: fc.nat(120),
      wakesAt: fc.array(fc.nat(400), { maxLength: 5 }),
      newLeaderAt: fc.array(fc.nat(400), { maxLength: 3 }),
    })
    .map(({ demands, min, more, type, target, zero, window, freezeAfter, zeroDuration, ...rest }) => {
      const bySecond = demands.flatMap(([seconds, one]) => Array<Partial<Demand>>(seconds).fill(one));
      return {
        ...rest,
        seconds: bySecond.length,
        demandAt: (second: number) => bySecond[second] ?? {},
        labels: {
          min: String(min),
          max: String(Math.max(1, min + more)),
          type,
          target: String(target),
          zero: String(zero),
          'down.window': `${window}s`,
          'zero-duration': `${zeroDuration}s`,
        },
        annotations: { 'bramble.freeze-after': `${freezeAfter}s` },
      };
    });
  const isBusy = ({ demand: { inFlight, waiting, callsPerSecond } }: Step) =>
    inFlight + waiting + callsPerSecond > 0;

  it('replicas stay within the limits; none are frozen or removed that are called; only those that may be', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const { min = '', max = '', zero } = plan.labels ?? {};
        for (const step of simulate(plan)) {
          expect(step.replicas).toBeLessThanOrEqual(Number(max));
          if (step.replicas > 0) expect(step.replicas).toBeGreaterThanOrEqual(Math.max(1, Number(min)));
          const isResting = step.isFrozen || step.replicas === 0;
          if (isBusy(step) || (zero === 'false' && min !== '0')) expect(isResting).toBe(false);
          if (step.isFrozen) expect(step.replicas).toBeGreaterThan(0);
        }
      }),
    );
  });

  it('a reason is given exactly when something changes', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const steps = simulate(plan);
        for (const [i, step] of steps.entries()) {
          const before = steps[i - 1] ?? { replicas: 1, isFrozen: false };
          const isSame = before.replicas === step.replicas && before.isFrozen === step.isFrozen;
          expect(step.reason === undefined).toBe(isSame);
        }
      }),
    );
  });

  it('there are as many as were needed at any time within the window, until nobody has called for long', () => {
    const needOf = (plan: Simulation, { demand }: Step) =>
      simulate({ labels: plan.labels ?? {}, seconds: 1, demandAt: () => demand }).at(-1)?.replicas ?? 0;
    fc.assert(
      fc.property(plans, ({ newLeaderAt: _, ...plan }) => {
        const window = Math.max(1, Number.parseInt(plan.labels?.['down.window'] ?? '', 10));
        const steps = simulate(plan);
        const needs = steps.map((step) => needOf(plan, step));
        for (const { second, replicas, reason } of steps)
          if (
            replicas > 0 &&
            reason !== 'wake' &&
            !steps.slice(Math.max(0, second - window), second).some((s) => s.replicas === 0)
          )
            expect(replicas).toBeGreaterThanOrEqual(
              Math.max(...needs.slice(Math.max(0, second - window + 1), second + 1)),
            );
      }),
    );
  });
});
