import type { Clock } from '../../src/support/clock.ts';
import type { BrambleError } from '../../src/support/errors.ts';
import type { Inventory } from '../inventory.ts';
import type { Remote } from '../remote/remote.ts';
import type { NodeFacts } from './facts.ts';

/**
 * A stage of bringing a cluster up. It first decides, from facts alone, what is still to do, and only then does it; for a cluster
 * that is as it should be there is nothing. A phase sees only nodes that no earlier phase has failed on.
 */
export interface Phase {
  /** One word, for `--only` and for events: `docker`. */
  readonly name: string;
  /** For progress: `Install Docker`. */
  readonly title: string;
  /** Pure. Throws INVALID for a cluster that cannot be. */
  plan(cluster: Cluster): readonly Step[];
  /** Where it fails on one node, no later phase begins. */
  readonly isDecisive?: boolean;
  /** Pure. Nodes that cannot be worked on, with the reason; they are left out from here on. */
  refuse?(cluster: Cluster): readonly Refusal[];
}

export interface Refusal {
  readonly node: string;
  readonly error: BrambleError;
}

export interface Cluster {
  readonly wanted: Inventory;
  /** By node name; only of nodes that were reached. */
  readonly facts: ReadonlyMap<string, NodeFacts>;
  /** What managers and the stack say of the whole; `undefined` until there is a Swarm. */
  readonly swarm: SwarmFacts | undefined;
}

export interface SwarmFacts {
  readonly clusterId: string;
  readonly nodes: readonly SwarmNode[];
  /** Of Bramble's stack; none until it was deployed. */
  readonly services: readonly StackService[];
}

export interface StackService {
  readonly name: string;
  readonly running: number;
  readonly wanted: number;
  /** Of what the stack was made from (`fingerprintOf`). */
  readonly fingerprint: string;
  /** State of its last update, as Docker names it: updating, completed, rollback_paused, …; empty where there was none. */
  readonly update: string;
}

export interface SwarmNode {
  readonly id: string;
  readonly hostName: string;
  readonly address: string;
  readonly role: 'manager' | 'worker';
  readonly isReady: boolean;
  /** Of a manager: it takes part in the quorum. */
  readonly isReachable: boolean;
  readonly availability: 'active' | 'pause' | 'drain';
  readonly labels: Readonly<Record<string, string>>;
}

export interface Step {
  /** The node that it is done on. */
  readonly node: string;
  /** A sentence for the plan: `install docker.io from Debian`. */
  readonly title: string;
  /** Steps of the same group wait for each other, in the order of the plan; without one all nodes go side by side. */
  readonly group?: string;
  act(context: StepContext): Promise<void>;
}

export interface StepContext {
  readonly remote: Remote;
  /** Of another node, for what one must tell the other. */
  readonly remoteOf: (node: string) => Remote;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** A line on how it goes, shown with `--verbose`. */
  readonly say: (line: string) => void;
}
