import type { FunctionRequest, FunctionResponse } from './endpoint.ts';

export interface InvokeOptions {
  readonly signal: AbortSignal;
}

/** The one door to a function, for HTTP, MQTT, cron and async callers alike. */
export interface Invoke {
  /** Adds `x-call-id` and `x-start-time` where missing. Rejects FUNCTION_NOT_FOUND, FUNCTION_UNREADY, BUSY, FUNCTION_TIMEOUT… */
  (name: string, request: FunctionRequest, options: InvokeOptions): Promise<FunctionResponse>;
}
