import { describe, expect, it } from 'vitest';
import { planReplicas } from '../../../src/gateway/routes/alert.ts';

const label = (key: string, value: string) => ({ [`com.openfaas.scale.${key}`]: value });

describe('planReplicas', () => {
  it('climbs in steps of a fifth of 20 while the alert goes on, and no further', () => {
    const climb = [1];
    for (let i = 0; i < 6; i += 1)
      climb.push(planReplicas({ labels: {}, replicas: climb.at(-1) ?? 0 }, true));
    expect(climb).toEqual([1, 5, 9, 13, 17, 20, 20]);
  });

  it('goes back to the least when it is over', () => {
    expect(planReplicas({ labels: label('min', '3'), replicas: 20 }, false)).toBe(3);
  });

  it('takes steps and bounds from the labels', () => {
    const labels = { ...label('max', '10'), ...label('factor', '50') };
    expect(planReplicas({ labels, replicas: 1 }, true)).toBe(6);
  });

  it('does not step with a factor of 0, and takes the default for labels that are no numbers', () => {
    expect(planReplicas({ labels: label('factor', '0'), replicas: 4 }, true)).toBe(1);
    expect(planReplicas({ labels: label('factor', 'fast'), replicas: 1 }, true)).toBe(5);
    expect(planReplicas({ labels: label('factor', '101'), replicas: 1 }, true)).toBe(5);
  });
});
