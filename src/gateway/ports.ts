import type { Bus, BusState } from '../bus/bus.ts';
import type { Invoke } from '../functions/invoke.ts';
import type { FunctionRuntime } from '../functions/runtime.ts';
import type { FunctionStatus } from '../functions/spec.ts';
import type { DeadLetter, DeliveryRequest, ListedDeadLetter, QueueDepth } from '../store/store.ts';
import type { Clock } from '../support/clock.ts';
import type { BrambleError } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';

/** What the gateway needs of the rest of the agent. */
export type GatewayOptions = GatewayParts & (Managing | Forwarding);

/** A node that deploys by itself. */
export interface Managing {
  readonly runtime: Omit<FunctionRuntime, 'name' | 'start' | 'stop' | 'endpoints' | 'onChange'>;
  /** Calls of each function by name, where other nodes serve too; those through this agent unless told. */
  readonly countCalls?: () => ReadonlyMap<string, number>;
  /** Why nothing can be asked or changed now, where that may be; then nothing is begun. */
  readonly offline?: () => BrambleError | undefined;
  readonly control?: undefined;
}

/** A node whose functions are deployed by managers: it passes on what is asked of them. */
export interface Forwarding {
  readonly runtime?: undefined;
  readonly control: Control;
}

export interface Control {
  /** Where managers answer now, best first: `http://10.0.1.7:8080`. */
  urls(): Promise<readonly string[]>;
  /** The functions as this node knows them, without asking anybody. */
  list(): Promise<readonly FunctionStatus[]>;
}

export interface GatewayParts {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Larger requests are answered with 413. */
  readonly maxBodyBytes: number;
  readonly version: Version;
  readonly invoke: Invoke;
  readonly acceptAsync: AcceptAsync;
  readonly deadLetters: DeadLetters;
  readonly bus: Pick<Bus, 'subscribe'>;
  readonly status: () => Promise<NodeStatus>;
  readonly readiness: () => Readiness;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  /** Given only where the hardware is simulated. */
  readonly simulate?: Simulate | undefined;
}

export interface Version {
  readonly release: string;
  /** Commit it was built from; `unknown` where nobody knows. */
  readonly sha: string;
}

export interface AsyncCall extends DeliveryRequest {
  readonly body: Uint8Array;
  /** Where the answer is posted; nowhere when `null`. */
  readonly callbackUrl: string | null;
}

/**
 * Resolves when the call is on disk, to the id of its event. Rejects FUNCTION_NOT_FOUND, BUSY when the function's
 * queue is full, STORE_FULL.
 */
export type AcceptAsync = (functionName: string, call: AsyncCall) => Promise<string>;

export interface DeadLetterQuery {
  readonly function?: string;
  readonly limit: number;
  readonly beforeId?: number;
}

export interface DeadLetters {
  /** Newest first. */
  list(query: DeadLetterQuery): Promise<readonly ListedDeadLetter[]>;
  get(id: number): Promise<DeadLetter | undefined>;
  /** Queues them again; resolves to their number and functions. Unknown ids are ignored. */
  replay(which: { readonly ids: readonly number[] }): Promise<{
    readonly replayed: number;
    readonly functions: readonly string[];
  }>;
  /** Deletes for good; resolves to their number. */
  purge(which: { readonly ids: readonly number[] } | { readonly function: string } | 'all'): Promise<number>;
}

export interface NodeStatus {
  readonly node: string;
  readonly roles: readonly string[];
  readonly version: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly bus: { readonly state: BusState; readonly url: string };
  /** Events on their way out. */
  readonly outbox: number;
  readonly queues: readonly QueueDepth[];
}

/** `reason` says what is missing while not ready. */
export interface Readiness {
  readonly isReady: boolean;
  readonly reason?: string;
}

/** What the simulated Pi is to feel; only the fields given change. */
export interface SimulatedChange {
  readonly motion?: boolean;
  readonly celsius?: number;
  /** Which thermometer; the first one unless told. */
  readonly sensor?: string;
  readonly throttling?: Partial<
    Record<'underVoltage' | 'frequencyCapped' | 'throttled' | 'softTemperatureLimit', boolean>
  >;
}

/** Rejects NOT_FOUND for an unknown sensor. */
export type Simulate = (change: SimulatedChange) => void | Promise<void>;
