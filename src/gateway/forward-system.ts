import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Agent, type Dispatcher, request as send } from 'undici';
import { BrambleError, messageOf } from '../support/errors.ts';
import type { App } from './app-types.ts';
import { clientLeft, linger, maxJsonBytes, readBody } from './bodies.ts';
import { endToEnd, requestHeaders } from './forwarding.ts';
import type { OpenStreams } from './open-streams.ts';
import type { Control, GatewayOptions } from './ports.ts';
import { toGatewayError, toRefusal } from './refusal.ts';

/** A manager that is gone does not even refuse, and there may be several to try. */
const connectTimeoutMs = 1_500;
/** A manager that hangs, or went while a connection to it was kept, is told from a busy one by a question that costs nothing. */
const aliveTimeoutMs = 2_000;
/** Managers answer within 10 s, or say that their Docker does not; a change may ask Docker several times. */
const headersTimeoutMs = { reading: 12_000, changing: 30_000 };

/**
 * So much of an answer waits for a client that reads slowly before the manager is made to wait. Far more than an answer has, as
 * undici must not be paused when a manager that stops closes the connection (nodejs/undici#5360).
 */
const mostAheadBytes = 4 * 1024 * 1024;

/** Marks what was passed on, so that two nodes without a runtime do not pass it to each other for ever. */
const forwardedHeader = 'x-bramble-forwarded';

type Options = Pick<GatewayOptions, 'log' | 'clock'> & { readonly control: Pick<Control, 'urls'> };
type Answer = Dispatcher.ResponseData;

/** `/system/…` on a node that has no runtime: passed on, password and all, to the first manager that takes it. */
export function registerForwardSystem(app: App, options: Options, streams: OpenStreams): void {
  const forwarder = new ControlForwarder(options.control);
  app.addHook('onClose', () => forwarder.close());
  app.route({
    method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/system/*',
    config: {
      summary: 'Asks a manager of the Swarm',
      answers: { 200: 'what the manager answered, with its own status', 503: 'no manager can be reached' },
    },
    handler: async (request, reply) => {
      reply.hijack();
      await serve(forwarder, { raw: request.raw, res: reply.raw, streams }, options);
    },
  });
}

interface Exchange {
  readonly raw: IncomingMessage;
  readonly res: ServerResponse;
  readonly streams: OpenStreams;
}

/** Never rejects: every end of it is an answer or a closed connection. */
async function serve(
  forwarder: ControlForwarder,
  { raw, res, streams }: Exchange,
  { log, clock }: Options,
): Promise<void> {
  const abort = new AbortController();
  res.once('close', () => abort.abort(clientLeft()));
  let forget = () => {};
  try {
    if (raw.url?.startsWith('/system/logs')) streams.checkRoom();
    if (raw.headers[forwardedHeader] !== undefined) throw loops();
    forget = streams.add((reason) => abort.abort(new BrambleError('CANCELLED', reason)));
    const body = await readBody(raw, maxJsonBytes);
    const answer = await forwarder.send(raw, body, abort.signal);
    res.writeHead(answer.statusCode, endToEndList(answer));
    res.flushHeaders(); // the log of a quiet function has no first line for long
    await pipeline(answer.body, res);
  } catch (err) {
    if (res.headersSent) {
      if (!abort.signal.aborted)
        log.warn({ err: messageOf(err), url: raw.url }, 'answer of a manager broke off');
      res.destroy();
      return;
    }
    const refusal = toRefusal(
      toGatewayError(abort.signal.aborted ? abort.signal.reason : err),
      raw.headers.accept,
    );
    res.writeHead(refusal.status, { ...refusal.headers, 'content-length': Buffer.byteLength(refusal.body) });
    res.end(refusal.body);
    linger(raw, clock);
  } finally {
    forget();
  }
}

function endToEndList({ headers }: Answer): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(endToEnd(headers)).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : [...value],
    ]),
  );
}

/** Tries manager after manager, beginning with the one that answered last. */
export class ControlForwarder {
  readonly #control: Pick<Control, 'urls'>;
  readonly #agent = new Agent({
    connect: { timeout: connectTimeoutMs },
    bodyTimeout: 0, // a log that is followed is silent for as long as its function is
  });
  #lastUrl: string | undefined;

  constructor(control: Pick<Control, 'urls'>) {
    this.#control = control;
  }

  /**
   * Rejects CONTROL_OFFLINE when no manager could do it, UNREACHABLE when the one that was asked broke off before it
   * answered: it may have done what was asked, so that is not asked of another.
   */
  async send(raw: IncomingMessage, body: Uint8Array, signal: AbortSignal): Promise<Answer> {
    const failures: string[] = [];
    const isReading = raw.method === 'GET' || raw.method === 'HEAD';
    for (const url of await this.#urls(failures)) {
      try {
        await this.#checkAlive(url, signal);
      } catch (err) {
        signal.throwIfAborted();
        failures.push(`${url}: ${messageOf(err)}`);
        continue; // it was asked for nothing yet
      }
      try {
        const answer = await this.#ask(url, raw, body, signal);
        if (canAnotherHelp(answer, isReading)) {
          failures.push(`${url}: ${await answer.body.text()}`);
          continue;
        }
        this.#lastUrl = url;
        return answer;
      } catch (err) {
        signal.throwIfAborted();
        failures.push(`${url}: ${messageOf(err)}`);
        if (!isReading && mayHaveBegun(err)) throw brokeOff(url, err);
      }
    }
    throw new BrambleError(
      'CONTROL_OFFLINE',
      `no manager of the Swarm can do that now (${failures.join('; ') || 'none is known'}). Nothing can be deployed, changed or ` +
        'listed until one is back; functions go on being invoked, by HTTP and by events',
    );
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #urls(failures: string[]): Promise<readonly string[]> {
    try {
      const urls = await this.#control.urls();
      return [...urls].sort((a, b) => Number(b === this.#lastUrl) - Number(a === this.#lastUrl));
    } catch (err) {
      failures.push(messageOf(err));
      return [];
    }
  }

  async #checkAlive(url: string, signal: AbortSignal): Promise<void> {
    const { body } = await send(new URL('/healthz', url), {
      headersTimeout: aliveTimeoutMs,
      signal,
      dispatcher: this.#agent,
    });
    await body.dump(); // whatever it says, it is there; and the connection is good for what follows
  }

  #ask(url: string, raw: IncomingMessage, body: Uint8Array, signal: AbortSignal): Promise<Answer> {
    const isReading = raw.method === 'GET' || raw.method === 'HEAD';
    return send(new URL(raw.url ?? '/', url), {
      method: raw.method ?? 'GET',
      headers: { ...toUndici(requestHeaders(raw)), [forwardedHeader]: '1' },
      body: body.byteLength === 0 ? null : body,
      highWaterMark: mostAheadBytes,
      headersTimeout: isReading ? headersTimeoutMs.reading : headersTimeoutMs.changing,
      signal,
      dispatcher: this.#agent,
    });
  }
}

/** A manager without a Docker that answers has begun nothing; one whose Docker broke off while it was read has changed nothing. */
function canAnotherHelp({ headers }: Answer, isReading: boolean): boolean {
  const code = headers['x-bramble-error'];
  return code === 'CONTROL_OFFLINE' || (isReading && code === 'UNREACHABLE');
}

/** Could the manager have had the request? Not when there was no connection to it. */
function mayHaveBegun(err: unknown): boolean {
  if (!(err instanceof Error)) return true;
  if ('syscall' in err && err.syscall === 'connect') return false;
  return !('code' in err && err.code === 'UND_ERR_CONNECT_TIMEOUT');
}

function loops(): BrambleError {
  return new BrambleError(
    'CONTROL_OFFLINE',
    'this node has no runtime either: control.url must lead to managers, whose agents have the role control',
  );
}

function brokeOff(url: string, cause: unknown): BrambleError {
  return new BrambleError(
    'UNREACHABLE',
    `the manager at ${url} broke off before it answered (${messageOf(cause)}): it may have done what was asked, look before you ask again`,
    { cause },
  );
}

function toUndici(
  headers: Readonly<Record<string, string | readonly string[]>>,
): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  );
}
