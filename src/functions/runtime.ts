import type { Service } from '../lifecycle/service.ts';
import type { Endpoint } from './endpoint.ts';
import type { FunctionSpec, FunctionStatus } from './spec.ts';

export interface LogLine {
  readonly name: string;
  /** Id of the replica that wrote it. */
  readonly instance: string;
  /** RFC 3339. */
  readonly timestamp: string;
  readonly text: string;
}

export interface LogQuery {
  /** Last lines of what is there; all when absent. */
  readonly tail?: number;
  readonly sinceMs?: number;
  /** Goes on with new lines until the signal is aborted. */
  readonly follow?: boolean;
  readonly signal: AbortSignal;
}

/** Where functions run. Two adapters: `process` (local processes) and `swarm` (Docker Swarm services). */
export interface FunctionRuntime extends Service {
  readonly kind: 'process' | 'swarm';
  /** Resolves when the deployment is stored and its replicas are being started. Rejects FUNCTION_EXISTS, INVALID. */
  deploy(spec: FunctionSpec): Promise<void>;
  /** Old replicas serve until a new one is ready. Rejects FUNCTION_NOT_FOUND, INVALID. */
  update(spec: FunctionSpec): Promise<void>;
  /** Lets requests in flight finish (within their time), then ends all replicas. Rejects FUNCTION_NOT_FOUND. */
  remove(name: string): Promise<void>;
  /** 0 to `com.openfaas.scale.max`. Rejects FUNCTION_NOT_FOUND, INVALID. */
  scale(name: string, replicas: number): Promise<void>;
  list(): Promise<readonly FunctionStatus[]>;
  describe(name: string): Promise<FunctionStatus | undefined>;
  /** Live replicas of a function now, ready ones only. Synchronous: it is on the path of each request. */
  endpoints(name: string): readonly Endpoint[];
  /** Lines of all replicas in order of time. Rejects FUNCTION_NOT_FOUND. */
  logs(name: string, query: LogQuery): AsyncIterable<LogLine>;
  /** Called after each change of functions, replicas or readiness. Returns the function that ends it. */
  onChange(listener: () => void): () => void;

  readonly secrets: Secrets;
}

/** Values that functions read as files `/var/openfaas/secrets/<name>`; never given back. */
export interface Secrets {
  list(): Promise<readonly string[]>;
  /** Rejects SECRET_EXISTS. */
  create(name: string, value: Uint8Array): Promise<void>;
  /** Rejects NOT_FOUND. Running functions see the new value after their next start at the latest. */
  replace(name: string, value: Uint8Array): Promise<void>;
  /** Rejects NOT_FOUND, and CONFLICT while a function uses it. */
  remove(name: string): Promise<void>;
}
