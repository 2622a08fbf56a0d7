export interface ReplicaCounts {
  readonly wanted: number;
  /** Of the newest version: being started, or waiting to be started again. */
  readonly starting: number;
  /** Of the newest version. */
  readonly ready: number;
  /** Ready ones of earlier versions. */
  readonly old: number;
}

export interface ReplicaPlan {
  readonly start: number;
  readonly retireNew: number;
  readonly retireOld: number;
}

/** What is to be done next. While old ones serve, new ones come one at a time, and an old one goes for each that is ready. */
export function planReplicas({ wanted, starting, ready, old }: ReplicaCounts): ReplicaPlan {
  const missing = wanted - starting - ready;
  const atOnce = old > 0 ? 1 - Math.min(starting, 1) : missing;
  return {
    start: Math.max(0, Math.min(missing, atOnce)),
    retireNew: Math.max(0, -missing),
    retireOld: Math.max(0, old - Math.max(0, wanted - ready)),
  };
}
