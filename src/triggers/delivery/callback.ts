import type { FunctionResponse } from '../../functions/endpoint.ts';
import type { Clock } from '../../support/clock.ts';
import { BrambleError, messageOf } from '../../support/errors.ts';
import type { Log } from '../../support/log.ts';
import { retry } from '../../support/retry.ts';
import type { Measures } from '../measures.ts';
import { withLimit } from './with-limit.ts';

export interface CallbackRequest {
  readonly url: string;
  readonly headers: FunctionResponse['headers'];
  readonly body: Uint8Array;
}

/** Posts and resolves to the status of the answer, whose body is thrown away. Rejects UNREACHABLE. */
export type Post = (request: CallbackRequest, options: { readonly signal: AbortSignal }) => Promise<number>;

const attempts = 3;
const backoff = { minMs: 500, maxMs: 5_000 };
const attemptLimitMs = 10_000;
/** So many are on their way at once; the next waits, and with it the queue that has it. */
const inFlightLimit = 64;

export interface CallbackOptions {
  readonly post: Post;
  readonly clock: Clock;
  readonly log: Log;
  readonly measures: Measures;
}

/** Posts the answers of async calls, beside the queues: a slow receiver delays nobody until too many are slow. */
export class Callbacks {
  readonly #options: CallbackOptions;
  readonly #inFlight = new Set<Promise<void>>();

  constructor(options: CallbackOptions) {
    this.#options = options;
  }

  /** Resolves when the request is on its way; what becomes of it is counted and logged. */
  async send(request: CallbackRequest, signal: AbortSignal): Promise<void> {
    while (this.#inFlight.size >= inFlightLimit) await Promise.race(this.#inFlight);
    const sending = this.#post(request, signal).finally(() => this.#inFlight.delete(sending));
    this.#inFlight.add(sending);
  }

  /** Resolves when none is on its way. */
  async idle(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  async #post(request: CallbackRequest, signal: AbortSignal): Promise<void> {
    const { clock, log, measures } = this.#options;
    try {
      await retry(() => this.#tryOnce(request, signal), { ...backoff, attempts, clock, signal });
      measures.callbacks.inc({ outcome: 'sent' });
    } catch (err) {
      measures.callbacks.inc({ outcome: 'failed' });
      log.warn(
        { url: request.url, err: messageOf(err) },
        'callback failed; the answer is lost to its receiver',
      );
    }
  }

  async #tryOnce(request: CallbackRequest, signal: AbortSignal): Promise<void> {
    const { post, clock } = this.#options;
    const { url } = request;
    const status = await withLimit((limited) => post(request, { signal: limited }), {
      clock,
      signal,
      limitMs: attemptLimitMs,
      late: () => new BrambleError('UNREACHABLE', `${url} took no callback within ${attemptLimitMs} ms`),
    });
    if (status >= 200 && status < 300) return;
    // As with functions: a receiver in trouble may recover, one that refuses will refuse again.
    const code = status >= 500 || status === 429 ? 'UNREACHABLE' : 'INVALID';
    throw new BrambleError(code, `${url} answered the callback with status ${status}`);
  }
}
