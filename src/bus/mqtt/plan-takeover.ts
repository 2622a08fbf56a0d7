export interface KnownNode {
  readonly isOnline: boolean;
  /** Monotonic time since when it is so, as far as we know. */
  readonly sinceMs: number;
}

/**
 * An agent that is merely restarted is back sooner. A broker notices after 18 s that a node lost its power (one and a
 * half keep-alive times; Mosquitto looks every 5 s), so that its events are in other hands within 30 s.
 */
export const graceMs = 5_000;

/** Nodes whose sessions `me` is to hold now: all that are gone, if it is the first by name of those that are not. */
export function planTakeover(
  nodes: ReadonlyMap<string, KnownNode>,
  me: string,
  nowMs: number,
): readonly string[] {
  const online = [...nodes].filter(([, { isOnline }]) => isOnline).map(([node]) => node);
  const [first] = online.sort();
  if (first !== me) return [];
  return [...nodes]
    .filter(([, { isOnline, sinceMs }]) => !isOnline && nowMs - sinceMs >= graceMs)
    .map(([node]) => node);
}
