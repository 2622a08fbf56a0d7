import type { Endpoint } from './endpoint.ts';

export interface PickOptions {
  /** This node: one hop less. */
  readonly node: string;
  /** Ids that refused this request already. */
  readonly refused: ReadonlySet<string>;
}

/** The replica with the fewest requests in flight; among equals one on this node; among those the first. */
export function pickEndpoint(
  endpoints: readonly Endpoint[],
  { node, refused }: PickOptions,
): Endpoint | undefined {
  let best: Endpoint | undefined;
  for (const endpoint of endpoints) {
    if (refused.has(endpoint.id)) continue;
    if (best === undefined || isBetter(endpoint, best, node)) best = endpoint;
  }
  return best;
}

function isBetter(one: Endpoint, other: Endpoint, node: string): boolean {
  if (one.inFlight !== other.inFlight) return one.inFlight < other.inFlight;
  return one.node === node && other.node !== node;
}
