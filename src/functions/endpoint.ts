import type { Readable } from 'node:stream';

export interface FunctionRequest {
  readonly method: string;
  /** Below the function, starting with `/`. */
  readonly path: string;
  /** Raw, without `?`. */
  readonly query: string;
  /** Lower-case names, without hop-by-hop headers. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Uint8Array | Readable;
}

export interface FunctionResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Uint8Array | Readable;
}

/** One replica that can take a request. */
export interface Endpoint {
  readonly id: string;
  /** Name of the node it runs on. */
  readonly node: string;
  /** Requests it is serving now, as this agent knows. */
  readonly inFlight: number;
  /**
   * Resolves when status and headers are there. Rejects FUNCTION_UNREADY when the request never reached the function
   * (another replica may be tried), BUSY at its `max_inflight`, FUNCTION_TIMEOUT, FUNCTION_FAILED, BODY_TOO_LARGE, CANCELLED.
   */
  invoke(request: FunctionRequest, options: { readonly signal: AbortSignal }): Promise<FunctionResponse>;
}
