import { Readable } from 'node:stream';
import { toBrambleError } from '../support/errors.ts';
import type { FunctionResponse } from './endpoint.ts';
import type { Invoke } from './invoke.ts';

export interface CallCounts {
  /** Begun and not answered to the last byte. */
  readonly inFlight: number;
  /** Begun since the start. */
  readonly requests: number;
}

/** An `invoke` that counts, function by function. */
export class CallCounter {
  readonly #counts = new Map<string, { inFlight: number; requests: number }>();
  readonly invoke: Invoke;

  constructor(invoke: Invoke) {
    this.invoke = async (name, request, options) => {
      const end = this.#begin(name);
      try {
        const response = await invoke(name, request, options);
        whenSent(response, end);
        return response;
      } catch (err) {
        end();
        // A name that nothing is deployed under is not remembered: callers may make up as many as they like.
        if (toBrambleError(err).code === 'FUNCTION_NOT_FOUND') this.#counts.delete(name);
        throw err;
      }
    };
  }

  /** Of every function that was ever called. */
  counts(): ReadonlyMap<string, CallCounts> {
    return this.#counts;
  }

  #begin(name: string): () => void {
    const counts = this.#counts.get(name) ?? { inFlight: 0, requests: 0 };
    this.#counts.set(name, counts);
    counts.inFlight += 1;
    counts.requests += 1;
    return () => {
      counts.inFlight -= 1;
    };
  }
}

function whenSent({ body }: FunctionResponse, end: () => void): void {
  if (body instanceof Readable && !body.closed) body.once('close', end);
  else end();
}
