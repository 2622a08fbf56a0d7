import { Readable, Transform } from 'node:stream';
import type { Pool } from 'undici';
import { BrambleError, messageOf, systemCode } from '../../support/errors.ts';
import { parseDuration } from '../duration.ts';
import type { FunctionRequest, FunctionResponse } from '../endpoint.ts';
import { removeConnectionHeaders } from './answer-head.ts';
import { cancelled, readAll, tooLarge } from './deadline.ts';
import { durationSeconds, type ReplicaContext, timedOut } from './replica.ts';

/** An answer up to this size is read before it is passed on; a longer one, or one of unknown length, streams. */
const smallBytes = 65_536;

/** One request and its answer, from the first byte to the last, with all that can cut it short. */
export class HttpExchange {
  readonly #context: ReplicaContext;
  readonly #leave: () => void;
  readonly #signal: AbortSignal;
  readonly #abort = new AbortController();
  readonly #startedMs: number;
  readonly #cancels: (() => void)[] = [];

  constructor(context: ReplicaContext, leave: () => void, signal: AbortSignal) {
    this.#context = context;
    this.#leave = leave;
    this.#signal = signal;
    this.#startedMs = context.clock.monotonicMs();
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  async run(pool: Pool, { method, path, query, headers, body }: FunctionRequest): Promise<FunctionResponse> {
    const { name, settings, maxAnswerBytes, clock } = this.#context;
    const cancelExec = this.#limitAnswer(headers['x-timeout']);
    this.#limit(settings.writeTimeoutMs, () =>
      late(`the answer of function "${name}"`, 'write_timeout', settings.writeTimeoutMs),
    );
    if (body instanceof Readable) {
      const cancelRead = this.#limit(settings.readTimeoutMs, () =>
        late(`the body of a request to function "${name}"`, 'read_timeout', settings.readTimeoutMs),
      );
      body.once('end', cancelRead);
    }
    const answer = await pool.request({
      path: query === '' ? path : `${path}?${query}`,
      method,
      headers: toUndici(headers),
      body: body instanceof Uint8Array && body.byteLength === 0 ? null : body,
      signal: this.#abort.signal,
    });
    cancelExec();
    const answerHeaders = removeConnectionHeaders(answer.headers);
    answerHeaders['x-duration-seconds'] = durationSeconds(clock, this.#startedMs);
    const length = method === 'HEAD' ? 0 : Number(answer.headers['content-length'] ?? Number.NaN);
    if (length > maxAnswerBytes) throw tooLarge(`the answer of function "${name}"`, maxAnswerBytes);
    return {
      status: answer.statusCode,
      headers: answerHeaders,
      body: await this.#bodyOf(answer.body, length),
    };
  }

  /** Till status and headers are there: `exec_timeout`, or less if the caller asks for it, as of-watchdog has it. */
  #limitAnswer(asked: FunctionRequest['headers'][string] | undefined): () => void {
    const { execTimeoutMs } = this.#context.settings;
    const askedMs = typeof asked === 'string' ? (parseDuration(asked) ?? 0) : 0;
    const isShorter = askedMs > 0 && (execTimeoutMs === 0 || askedMs < execTimeoutMs);
    if (!isShorter) return this.#limit(execTimeoutMs, () => timedOut(this.#context));
    const { name } = this.#context;
    return this.#limit(askedMs, () => late(`the answer of function "${name}"`, 'X-Timeout', askedMs));
  }

  end(): void {
    for (const cancel of this.#cancels) cancel();
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#leave();
  }

  /** Gives up what is left of it; returns the error for the caller. */
  fail(err: unknown): BrambleError {
    const error = this.#translate(err);
    this.#abort.abort(error);
    this.end();
    return error;
  }

  #translate(err: unknown): BrambleError {
    if (err instanceof BrambleError) return err;
    const { name } = this.#context;
    // Refused: nothing was sent. Any other failure may have come after the function began its work.
    if (systemCode(err) === 'ECONNREFUSED')
      return new BrambleError('FUNCTION_UNREADY', `function "${name}" does not listen now`, { cause: err });
    return new BrambleError(
      'FUNCTION_FAILED',
      `function "${name}" broke the connection before its answer was complete: ${messageOf(err)}; its log tells more`,
      { cause: err },
    );
  }

  /** A short body is read at once, which ends the exchange; any other streams. */
  async #bodyOf(body: Readable, length: number): Promise<Uint8Array | Readable> {
    const { name, maxAnswerBytes } = this.#context;
    if (length > smallBytes || Number.isNaN(length)) return this.#stream(body);
    const bytes = await readAll(body, maxAnswerBytes, `the answer of function "${name}"`);
    this.end();
    return bytes;
  }

  #stream(body: Readable): Readable {
    const { name, maxAnswerBytes } = this.#context;
    let bytes = 0;
    const out = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length;
        if (bytes > maxAnswerBytes) done(tooLarge(`the answer of function "${name}"`, maxAnswerBytes));
        else done(null, chunk);
      },
    });
    body.on('error', (err) => out.destroy(this.#translate(err)));
    out.once('close', () => {
      body.destroy();
      this.end();
    });
    return body.pipe(out);
  }

  /** 0 is no limit. */
  #limit(limitMs: number, error: () => BrambleError): () => void {
    if (limitMs === 0) return () => {};
    const cancel = this.#context.clock.after(limitMs, () => this.#abort.abort(error()));
    this.#cancels.push(cancel);
    return cancel;
  }

  readonly #onAbort = () => this.#abort.abort(cancelled());
}

function late(what: string, setting: string, limitMs: number): BrambleError {
  return new BrambleError(
    'FUNCTION_TIMEOUT',
    `${what} was not complete within its ${setting} of ${limitMs} ms; raise ${setting} if that is too short`,
  );
}

function toUndici(headers: FunctionRequest['headers']): Record<string, string | string[]> {
  const copy: Record<string, string | string[]> = {};
  // undici refuses `expect`; the gateway's own server has answered it already.
  for (const [name, value] of Object.entries(headers))
    if (name !== 'expect') copy[name] = typeof value === 'string' ? value : [...value];
  return copy;
}
