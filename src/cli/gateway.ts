import { type IncomingMessage, type RequestOptions, request as requestPlain } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { BrambleError, messageOf, systemCode } from '../support/errors.ts';
import { errorFromAnswer } from './gateway-errors.ts';
import { parseJson } from './json.ts';

const connectMs = 10_000;
/** As long as faas-cli waits. */
const answerMs = 60_000;

export interface Credentials {
  readonly user: string;
  readonly password: string;
  /** Where they were found, for messages. */
  readonly source: string;
}

export interface Connection {
  readonly url: URL;
  readonly credentials?: Credentials | undefined;
  /** Where it leads through SSH: opens the way at the first call, and resolves to the socket file that it begins at. */
  readonly openWay?: (() => Promise<string>) | undefined;
}

export interface Call {
  readonly method: string;
  /** Below the gateway's address, starting with `/`; may have a query of its own if `query` is left out. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>> | undefined;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: Uint8Array | string | Readable | undefined;
}

export interface Gateway {
  /** Address of the gateway, without a slash at the end. */
  readonly address: string;
  /** Sends JSON, gives the JSON of a 2xx answer (text where it is none); any other answer is thrown as its error. */
  ask(method: string, path: string, options?: { query?: Call['query']; body?: unknown }): Promise<unknown>;
  /** The lines of a long 2xx answer as they come, until its end or the signal. */
  lines(path: string, options?: Pick<Call, 'query' | 'headers'>): AsyncIterable<string>;
  /** The bare answer, whatever its status. Waits for it without limit: a function takes the time it takes. */
  send(call: Call): Promise<IncomingMessage>;
}

/** Every call rejects with UNREACHABLE when the gateway cannot be reached, and with the signal's reason when it is aborted. */
export function openGateway(connection: Connection, signal: AbortSignal): Gateway {
  const address = addressOf(connection.url);
  return {
    address,
    send: (call) => send(connection, call, signal),
    async ask(method, path, { query, body } = {}) {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
      const response = await send(connection, jsonCall({ method, path, query, body }), limited);
      if (!isSuccess(response)) throw await refusal(connection, response, `${method} ${path}`);
      const answer = await text(response).catch((err: unknown) => {
        throw failure(connection, err, limited);
      });
      return parseJson(answer) ?? answer;
    },
    async *lines(path, options = {}) {
      const response = await send(connection, { method: 'GET', path, ...options }, signal);
      if (!isSuccess(response)) throw await refusal(connection, response, `GET ${path}`);
      yield* readLines(connection, response, signal);
    },
  };
}

function jsonCall({
  body,
  ...call
}: {
  method: string;
  path: string;
  query: Call['query'];
  body: unknown;
}): Call {
  const accept = 'application/json';
  if (body === undefined) return { ...call, headers: { accept } };
  return { ...call, headers: { accept, 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

async function refusal(
  connection: Connection,
  response: IncomingMessage,
  what: string,
): Promise<BrambleError> {
  const body = await text(response).catch(() => ''); // the status alone says enough
  const code = headerOf(response, 'x-bramble-error');
  const error = errorFromAnswer({ status: response.statusCode ?? 0, code, body, what });
  if (error.code !== 'UNAUTHORIZED') return error;
  const { credentials, url } = connection;
  const who = credentials
    ? `refused user ${credentials.user} with the password from ${credentials.source}`
    : 'asks for a user and a password';
  return new BrambleError(
    'UNAUTHORIZED',
    `the gateway at ${addressOf(url)} ${who}; log in with: bramble login`,
  );
}

/**
 * A server closes at once after the answer to a request that says `close`. Were we still sending a body that it has
 * refused, the close would come as a reset and take the refusal with it.
 */
const staying = { connection: 'keep-alive' };

async function send(
  { url, credentials, openWay }: Connection,
  call: Call,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  signal.throwIfAborted();
  const socketPath = await openWay?.();
  const target = new URL((socketPath === undefined ? addressOf(url) : 'http://localhost') + call.path);
  if (call.query !== undefined) target.search = toSearch(call.query).toString();
  const request = target.protocol === 'https:' ? (await import('node:https')).request : requestPlain;
  const headers = { ...staying, ...call.headers, ...lengthOf(call.body), ...authorization(credentials) };
  const options: RequestOptions = { method: call.method, headers, signal, socketPath, agent: false };
  return new Promise((resolve, reject) => {
    const outgoing = request(target, options);
    const timer = setTimeout(
      () => outgoing.destroy(new Error(`no connection within ${connectMs / 1000} s`)),
      connectMs,
    );
    outgoing.once('socket', (socket) => socket.once('connect', () => clearTimeout(timer)));
    outgoing.once('close', () => clearTimeout(timer));
    outgoing.once('response', resolve);
    // Stays for the life of the request: a gateway that answers before it read the body may close the socket.
    outgoing.on('error', (err) => reject(failure({ url }, err, signal)));
    if (isStream(call.body)) {
      call.body.once('error', (err: Error) => outgoing.destroy(err));
      call.body.pipe(outgoing);
    } else outgoing.end(call.body);
  });
}

function isStream(body: Call['body']): body is Readable {
  return body instanceof Readable;
}

/** Said outright: for DELETE Node.js would send the body without telling where it ends. */
function lengthOf(body: Call['body']): { 'content-length'?: string } {
  return body === undefined || isStream(body) ? {} : { 'content-length': String(Buffer.byteLength(body)) };
}

function toSearch(query: Readonly<Record<string, string | undefined>>): URLSearchParams {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, value);
  return search;
}

function authorization(credentials: Credentials | undefined): { authorization?: string } {
  if (credentials === undefined) return {};
  const token = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
  return { authorization: `Basic ${token}` };
}

async function* readLines(
  connection: Connection,
  response: IncomingMessage,
  signal: AbortSignal,
): AsyncIterable<string> {
  let rest = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
    }
  } catch (err) {
    throw failure(connection, err, signal);
  }
  if (rest !== '') yield rest;
}

/** An aborted request fails with a bare AbortError; the signal knows why. */
function failure({ url }: Connection, err: unknown, signal: AbortSignal): BrambleError {
  const cause: unknown = signal.aborted ? signal.reason : err;
  if (cause instanceof BrambleError) return cause;
  const isLate = cause instanceof Error && cause.name === 'TimeoutError';
  const reason = isLate ? `no answer within ${answerMs / 1000} s` : (systemCode(cause) ?? messageOf(cause));
  return new BrambleError(
    'UNREACHABLE',
    url.protocol === 'ssh:'
      ? `no gateway answers at ${addressOf(url)}: does Bramble run there? see bramble status (${reason})`
      : `cannot reach the gateway at ${addressOf(url)}: is the agent running? start one with npm start (${reason})`,
    { cause },
  );
}

export function addressOf({ protocol, username, host, origin, pathname, search }: URL): string {
  // Only HTTP's addresses have an origin (the URL standard).
  if (protocol === 'ssh:') return `ssh://${username === '' ? '' : `${username}@`}${host}${search}`;
  return origin + pathname.replace(/\/+$/, '');
}

export function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

export function isSuccess({ statusCode = 0 }: { statusCode?: number | undefined }): boolean {
  return statusCode >= 200 && statusCode < 300;
}
