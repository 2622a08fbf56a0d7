import { BrambleError } from '../../support/errors.ts';
import { unready } from '../call/call-context.ts';
import { cancelled } from '../call/deadline.ts';
import type { FunctionResponse } from '../endpoint.ts';
import type { ReplicaContext } from './replica.ts';
import type { WaitingLine } from './waiting-line.ts';

export interface FramedRequest {
  readonly head: Buffer;
  readonly body: Uint8Array;
}

/** A request on its way through the line and a worker, until its answer, its error or its caller's going away. */
export class FramedJob {
  readonly request: FramedRequest;
  readonly answer: Promise<FunctionResponse>;
  readonly #context: ReplicaContext;
  readonly #signal: AbortSignal;
  readonly #line: WaitingLine<FramedJob>;
  #resolve: (response: FunctionResponse) => void = () => {};
  #reject: (err: unknown) => void = () => {};
  #cancelWait: () => void = () => {};

  constructor(
    request: FramedRequest,
    options: { context: ReplicaContext; signal: AbortSignal; line: WaitingLine<FramedJob> },
  ) {
    this.request = request;
    this.#context = options.context;
    this.#signal = options.signal;
    this.#line = options.line;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Lines up. */
  enter(): void {
    if (this.#signal.aborted) {
      this.fail(cancelled());
      return;
    }
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    if (!this.#line.push(this)) this.#cancelWait = this.#limitWait();
  }

  /** A worker has it. */
  started(): void {
    this.#cancelWait();
  }

  succeed(response: FunctionResponse): void {
    this.#leave();
    this.#resolve(response);
  }

  fail(err: unknown): void {
    this.#leave();
    this.#reject(err);
  }

  /** No worker is left in its line. */
  turnAway(): void {
    this.fail(unready(this.#context, 'that it waited for'));
  }

  #limitWait(): () => void {
    const { clock, name, settings } = this.#context;
    if (settings.execTimeoutMs === 0) return () => {};
    return clock.after(settings.execTimeoutMs, () =>
      this.fail(
        new BrambleError(
          'BUSY',
          `all workers of function "${name}" were busy for ${settings.execTimeoutMs} ms; scale it up or make it faster`,
        ),
      ),
    );
  }

  readonly #onAbort = () => this.fail(cancelled());

  #leave(): void {
    this.#cancelWait();
    this.#line.withdraw(this);
    this.#signal.removeEventListener('abort', this.#onAbort);
  }
}
