import type { Bus } from '../bus/bus.ts';
import type { Outbox } from '../bus/outbox/outbox.ts';
import type { Config, Role } from '../config/schema.ts';
import type { Version } from '../gateway/ports.ts';
import type { Store } from '../store/store.ts';
import type { Clock } from '../support/clock.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';
import type { Hardware } from './hardware.ts';

/** What an agent is made from. */
export interface AgentParts {
  readonly config: Config;
  readonly node: string;
  readonly version: Version;
  /** For the gateway, and for the embedded broker beyond loopback. */
  readonly password: string;
  /** Bundled worker thread of the store. */
  readonly storeWorkerFile: string;
  /** Folder of the functions and runtimes that ship. */
  readonly functionsDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly isReady: () => boolean;
}

/** What all its parts share. */
export interface Base extends AgentParts {
  readonly store: Store;
  readonly bus: Bus;
  readonly outbox: Outbox;
  readonly hardware: Hardware;
}

export function has({ roles }: Config, role: Role): boolean {
  return roles.includes(role);
}
