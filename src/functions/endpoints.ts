import type { Endpoint } from './endpoint.ts';

export interface PickOptions {
  /** This node: one hop less. */
  readonly node: string;
  /** Ids that refused this request already. */
  readonly refused: ReadonlySet<string>;
  /** Counts up from call to call: agents see only their own requests, and would all begin with the same replica. */
  readonly turn: number;
}

/** The replica with the fewest requests in flight; among equals one on this node; among those each in turn. */
export function pickEndpoint(
  endpoints: readonly Endpoint[],
  { node, refused, turn }: PickOptions,
): Endpoint | undefined {
  let best: Endpoint | undefined;
  for (let i = 0; i < endpoints.length; i += 1) {
    const endpoint = endpoints[(turn + i) % endpoints.length];
    if (endpoint === undefined || refused.has(endpoint.id)) continue;
    if (best === undefined || isBetter(endpoint, best, node)) best = endpoint;
  }
  return best;
}

function isBetter(one: Endpoint, other: Endpoint, node: string): boolean {
  if (one.inFlight !== other.inFlight) return one.inFlight < other.inFlight;
  return one.node === node && other.node !== node;
}
