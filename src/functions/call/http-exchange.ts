import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { BrambleError, messageOf } from '../../support/errors.ts';
import { parseDuration } from '../duration.ts';
import type { FunctionRequest, FunctionResponse } from '../endpoint.ts';
import { type CallContext, durationSeconds, timedOut } from './call-context.ts';
import { connectionHeaders, removeConnectionHeaders } from './connection-headers.ts';
import { cancelled, tooLarge } from './deadline.ts';

type Controller = Dispatcher.DispatchController;

/** An answer up to this size is read before it is passed on; a longer one, or one of unknown length, streams. */
const smallBytes = 65_536;
const nothing = () => {};

/**
 * One request and its answer, from the first byte to the last, with all that can cut it short. It is its own handler
 * of undici's events: no stream is made for an answer that is short, which is most of them.
 */
export class HttpExchange implements Dispatcher.DispatchHandler {
  readonly #context: CallContext;
  readonly #request: FunctionRequest;
  readonly #signal: AbortSignal;
  readonly #leave: () => void;
  readonly #startedMs: number;
  readonly #answer: Promise<FunctionResponse>;
  #resolve: (answer: FunctionResponse) => void = () => {};
  #reject: (error: BrambleError) => void = () => {};
  #controller: Controller | undefined;
  #head: Pick<FunctionResponse, 'status' | 'headers'> | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** The body of an answer that streams. */
  #stream: Readable | undefined;
  #mayPause = false;
  #hasEnded = false;
  #cancelLimit = nothing;
  #cancelRead = nothing;

  /** `leave` is called once, at the end of the exchange. */
  constructor(context: CallContext, request: FunctionRequest, signal: AbortSignal, leave: () => void) {
    this.#context = context;
    this.#request = request;
    this.#signal = signal;
    this.#leave = leave;
    this.#startedMs = context.clock.monotonicMs();
    this.#answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Resolves when status and headers are there, with a short body when that is there too. Rejects as `Endpoint.invoke`. */
  run(dispatcher: Dispatcher): Promise<FunctionResponse> {
    const { method, path, query, headers, body } = this.#request;
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#limitHead();
    if (body instanceof Readable) this.#limitRequest(body);
    try {
      dispatcher.dispatch(
        {
          path: query === '' ? path : `${path}?${query}`,
          method,
          headers: toUndici(headers),
          body: body instanceof Uint8Array && body.byteLength === 0 ? null : body,
        },
        this,
      );
    } catch (err) {
      this.#fail(this.#translate(err));
    }
    return this.#answer;
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    // Given up while it waited for a connection.
    if (this.#hasEnded) controller.abort(cancelled());
  }

  onResponseStart(_controller: Controller, status: number, raw: IncomingHttpHeaders): void {
    if (status < 200) return; // an interim answer; the real one follows
    const { clock, maxAnswerBytes } = this.#context;
    const headers = removeConnectionHeaders(raw);
    headers['x-duration-seconds'] ??= durationSeconds(clock, this.#startedMs);
    this.#head = { status, headers };
    const length = this.#request.method === 'HEAD' ? 0 : Number(raw['content-length'] ?? Number.NaN);
    if (length > maxAnswerBytes) {
      this.#giveUp(this.#tooLarge());
      return;
    }
    this.#limitBody();
    // Never stops reading for a body of known, short length: nobody could forget to read on.
    if (length <= smallBytes || status === 204 || status === 304) return;
    this.#mayPause = staysOpen(raw);
    this.#stream = this.#openStream();
    this.#resolve({ ...this.#head, body: this.#stream });
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#context.maxAnswerBytes) this.#giveUp(this.#tooLarge());
    else if (this.#stream === undefined) this.#chunks.push(chunk);
    else if (!this.#stream.push(chunk) && this.#mayPause) controller.pause();
  }

  onResponseEnd(): void {
    const [first] = this.#chunks;
    if (this.#stream !== undefined) this.#stream.push(null);
    else if (this.#head !== undefined)
      this.#resolve({
        ...this.#head,
        body: this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks),
      });
    this.#end();
  }

  onResponseError(_controller: Controller, err: Error): void {
    this.#fail(this.#translate(err));
  }

  #openStream(): Readable {
    const stream = new Readable({
      read: () => this.#controller?.resume(),
      // Also when whoever reads goes away: a body that nobody reads would hold its connection for ever.
      destroy: (err, done) => {
        this.#giveUp(cancelled());
        done(err);
      },
    });
    stream.on('error', () => {}); // whoever reads is told; it may break before anyone does
    return stream;
  }

  /** `exec_timeout` and `write_timeout` both count from the start; the first of them cuts a call that has no head yet. */
  /** `exec_timeout`, or less if the caller asks for it with `X-Timeout`, as of-watchdog has it. */
  #limitHead(): void {
    const { execTimeoutMs, writeTimeoutMs } = this.#context.settings;
    const isWriteFirst = writeTimeoutMs > 0 && (execTimeoutMs === 0 || writeTimeoutMs < execTimeoutMs);
    const firstMs = (isWriteFirst ? writeTimeoutMs : execTimeoutMs) || Number.POSITIVE_INFINITY;
    const asked = this.#request.headers['x-timeout'];
    const askedMs = typeof asked === 'string' ? (parseDuration(asked) ?? 0) : 0;
    if (askedMs > 0 && askedMs < firstMs) {
      const { name } = this.#context;
      this.#cancelLimit = this.#limit(askedMs, () =>
        late(`the answer of function "${name}"`, 'X-Timeout', askedMs),
      );
      return;
    }
    if (isWriteFirst) this.#cancelLimit = this.#limit(writeTimeoutMs, () => this.#lateAnswer());
    else this.#cancelLimit = this.#limit(execTimeoutMs, () => timedOut(this.#context));
  }

  #limitBody(): void {
    const { writeTimeoutMs } = this.#context.settings;
    this.#cancelLimit();
    const leftMs = this.#startedMs + writeTimeoutMs - this.#context.clock.monotonicMs();
    if (writeTimeoutMs > 0) this.#cancelLimit = this.#limit(Math.max(1, leftMs), () => this.#lateAnswer());
  }

  #limitRequest(body: Readable): void {
    const { name, settings } = this.#context;
    this.#cancelRead = this.#limit(settings.readTimeoutMs, () =>
      late(`the body of a request to function "${name}"`, 'read_timeout', settings.readTimeoutMs),
    );
    body.once('end', this.#cancelRead);
  }

  /** 0 is no limit. */
  #limit(limitMs: number, error: () => BrambleError): () => void {
    return limitMs === 0 ? nothing : this.#context.clock.after(limitMs, () => this.#giveUp(error()));
  }

  #tooLarge(): BrambleError {
    return tooLarge(`the answer of function "${this.#context.name}"`, this.#context.maxAnswerBytes);
  }

  #lateAnswer(): BrambleError {
    const { name, settings } = this.#context;
    return late(`the answer of function "${name}"`, 'write_timeout', settings.writeTimeoutMs);
  }

  #translate(err: unknown): BrambleError {
    if (err instanceof BrambleError) return err;
    const { name } = this.#context;
    // No connection was had, so nothing was sent. Any other failure may have come after the function began its work.
    if (this.#controller === undefined)
      return new BrambleError(
        'FUNCTION_UNREADY',
        `function "${name}" cannot be reached now: ${messageOf(err)}`,
        {
          cause: err,
        },
      );
    return new BrambleError(
      'FUNCTION_FAILED',
      `function "${name}" broke the connection before its answer was complete: ${messageOf(err)}; its log tells more`,
      { cause: err },
    );
  }

  readonly #onAbort = () => this.#giveUp(cancelled());

  #giveUp(error: BrambleError): void {
    if (this.#hasEnded) return;
    this.#fail(error);
    this.#controller?.abort(error);
  }

  #fail(error: BrambleError): void {
    if (this.#hasEnded) return;
    this.#end();
    this.#reject(error);
    this.#stream?.destroy(error);
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#cancelLimit();
    this.#cancelRead();
    this.#signal.removeEventListener('abort', this.#onAbort);
    if (this.#request.body instanceof Readable) this.#request.body.off('end', this.#cancelRead);
    this.#leave();
  }
}

function late(what: string, setting: string, limitMs: number): BrambleError {
  return new BrambleError(
    'FUNCTION_TIMEOUT',
    `${what} was not complete within its ${setting} of ${limitMs} ms; raise ${setting} if that is too short`,
  );
}

/** Names and values in turn, which undici reads fastest. */
function toUndici(headers: FunctionRequest['headers']): string[] {
  const pairs: string[] = [];
  for (const name in headers) {
    // `expect` is between a client and its server: the gateway's own has answered it already.
    if (connectionHeaders.has(name) || name === 'expect') continue;
    const value = headers[name];
    if (typeof value === 'string') pairs.push(name, value);
    else for (const one of value ?? []) pairs.push(name, one);
  }
  return pairs;
}

/**
 * Is the connection certain to outlive its answer? undici's parser throws out of a socket's event, which ends the process, when
 * the connection of any other answer ends while that is paused (nodejs/undici#5360). Such an answer is not paused but kept, up
 * to `maxAnswerBytes`, for a reader that is slow.
 */
function staysOpen(headers: IncomingHttpHeaders): boolean {
  const said = String(headers.connection ?? '').toLowerCase();
  const tellsItsEnd = headers['content-length'] !== undefined || headers['transfer-encoding'] === 'chunked';
  return said === 'keep-alive' && tellsItsEnd;
}
