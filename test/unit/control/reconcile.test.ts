import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Published,
  planCatalogue,
  type Step,
  type WantedFunction,
} from '../../../src/control/reconcile.ts';
import type { CatalogueIndex, CatalogueMessage } from '../../../src/functions/catalogue-message.ts';
import { buildMessage, buildTask } from '../../support/catalogue-messages.ts';

const nothing: Published = { functions: new Map(), index: undefined };

function wantedOf({ version: _version, at: _at, ...wanted }: CatalogueMessage): WantedFunction {
  return wanted;
}

/** What the bus has after the steps. */
function perform(steps: readonly Step[], before: Published): Published {
  const functions = new Map(before.functions);
  let index: CatalogueIndex | undefined = before.index;
  for (const step of steps) {
    if (step.action === 'publish') functions.set(step.message.name, step.message);
    else if (step.action === 'remove') functions.delete(step.name);
    else index = step.index;
  }
  return { functions, index };
}

const anyWanted = fc
  .uniqueArray(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      replicas: fc.integer({ min: 0, max: 3 }),
      ids: fc.uniqueArray(fc.constantFrom('t1', 't2', 't3')),
    }),
    { selector: ({ name }) => name },
  )
  .map((functions) =>
    functions.map(({ name, replicas, ids }) =>
      wantedOf(buildMessage({ name, replicas, endpoints: ids.map((id) => buildTask({ id })) })),
    ),
  );
const anyClock = fc.integer({ min: 0, max: 2_000_000_000_000 });

describe('a plan for the catalogue', () => {
  it('publishes what is new, removes what is gone, then names all', () => {
    const before = perform(
      planCatalogue([wantedOf(buildMessage({ name: 'old' }))], nothing, { nowMs: 5, lastVersion: 0 }),
      nothing,
    );
    const steps = planCatalogue([wantedOf(buildMessage())], before, { nowMs: 9, lastVersion: 6 });
    expect(steps).toMatchObject([
      { action: 'publish', message: { name: 'echo', version: 9 } },
      { action: 'remove', name: 'old' },
      { action: 'index', index: { names: ['echo'], version: 10 } },
    ]);
  });

  it('replaces a message that nobody can read', () => {
    const before: Published = {
      functions: new Map([
        ['echo', undefined],
        ['noise', undefined],
      ]),
      index: undefined,
    };
    const steps = planCatalogue([wantedOf(buildMessage())], before, { nowMs: 1, lastVersion: 0 });
    expect(steps.map(({ action }) => action)).toEqual(['publish', 'remove', 'index']);
  });

  it('makes the bus have what is wanted, and nothing is left to do then', () => {
    void fc.assert(
      fc.property(anyWanted, anyWanted, anyClock, (first, then, nowMs) => {
        const one = perform(planCatalogue(first, nothing, { nowMs, lastVersion: 0 }), nothing);
        const lastVersion = one.index?.version ?? 0;
        const two = perform(planCatalogue(then, one, { nowMs, lastVersion }), one);
        const got = [...two.functions.values()].flatMap((message) =>
          message === undefined ? [] : [wantedOf(message)],
        );
        expect(new Set(got)).toEqual(new Set(then));
        expect(two.index?.names).toEqual(then.map(({ name }) => name).sort());
        expect(planCatalogue(then, two, { nowMs: nowMs + 1, lastVersion: two.index?.version ?? 0 })).toEqual(
          [],
        );
      }),
    );
  });

  it('gives versions that only grow, whatever the clocks of successive leaders say', () => {
    void fc.assert(
      fc.property(fc.array(fc.tuple(anyWanted, anyClock), { minLength: 2, maxLength: 6 }), (leaders) => {
        let published = nothing;
        let lastVersion = 0;
        for (const [wanted, nowMs] of leaders) {
          const steps = planCatalogue(wanted, published, { nowMs, lastVersion });
          for (const step of steps) {
            if (step.action === 'remove') continue;
            const { version } = step.action === 'publish' ? step.message : step.index;
            expect(version).toBeGreaterThan(lastVersion);
            lastVersion = version;
          }
          published = perform(steps, published);
        }
      }),
    );
  });
});
