import { describe, expect, it } from 'vitest';
import { pickEndpoint } from '../../../src/functions/endpoints.ts';
import { buildEndpoint } from '../../support/fake-catalogue.ts';

const pick = (endpoints: Parameters<typeof pickEndpoint>[0], refused: string[] = [], turn = 0) =>
  pickEndpoint(endpoints, { node: 'here', refused: new Set(refused), turn })?.id;

describe('the replica for a request', () => {
  it('is the one with the fewest requests in flight', () => {
    expect(pick([buildEndpoint({ id: 'a', inFlight: 2 }), buildEndpoint({ id: 'b', inFlight: 1 })])).toBe(
      'b',
    );
  });

  it('is one on this node among equals', () => {
    expect(pick([buildEndpoint({ id: 'a', node: 'there' }), buildEndpoint({ id: 'b', node: 'here' })])).toBe(
      'b',
    );
  });

  it('is one elsewhere when that has less to do', () => {
    const busy = buildEndpoint({ id: 'a', node: 'here', inFlight: 3 });
    expect(pick([busy, buildEndpoint({ id: 'b', node: 'there', inFlight: 2 })])).toBe('b');
  });

  it('is each of several equals in turn', () => {
    const equals = ['a', 'b', 'c'].map((id) => buildEndpoint({ id, node: 'there' }));
    expect([0, 1, 2, 3].map((turn) => pick(equals, [], turn))).toEqual(['a', 'b', 'c', 'a']);
  });

  it('is none that refused it already', () => {
    expect(pick([buildEndpoint({ id: 'a' }), buildEndpoint({ id: 'b', inFlight: 9 })], ['a'])).toBe('b');
    expect(pick([buildEndpoint({ id: 'a' })], ['a'])).toBeUndefined();
  });
});
