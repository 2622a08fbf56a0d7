import type { NodeView } from './cluster.ts';

/**
 * Moves each node's strain from where it was shown towards where it is, by `weight` of the way: exponential smoothing.
 * A node that was not shown live before starts at its true strain.
 */
export function smooth(
  shown: readonly NodeView[],
  actual: readonly NodeView[],
  weight: number,
): readonly NodeView[] {
  const before = new Map(shown.map((view) => [view.node, view]));
  return actual.map((view) => {
    const last = before.get(view.node);
    if (last?.state !== 'live' || view.state !== 'live') return view;
    return { ...view, strain: last.strain + weight * (view.strain - last.strain) };
  });
}
