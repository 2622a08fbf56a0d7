import { type Dispatcher, EnvHttpProxyAgent, interceptors, Pool, request } from 'undici';
import { BrambleError, messageOf, systemCode } from '../../../src/support/errors.ts';

export interface Answer {
  readonly status: number;
  header(name: string): string | undefined;
  /** As it was sent: nothing is unpacked on the way. Rejects UNREACHABLE when it stalls or is cut. */
  body(): AsyncIterable<Uint8Array>;
  /** Instead of `body`. */
  ignore(): Promise<void>;
}

/** Gets from web servers, by the proxies that `http_proxy`, `https_proxy` and `no_proxy` name. Follows redirects. */
export interface Web {
  /** A user and password in the address are sent as such, to its host only. Rejects UNREACHABLE. */
  get(url: URL, headers: Readonly<Record<string, string>>): Promise<Answer>;
  close(): Promise<void>;
}

export interface WebOptions {
  readonly signal: AbortSignal;
  /** How long a server may send nothing. */
  readonly stallMs: number;
}

export function openWeb({ signal, stallMs }: WebOptions): Web {
  const timeouts = { headersTimeout: stallMs, bodyTimeout: stallMs };
  const agent = new EnvHttpProxyAgent({
    connect: { timeout: stallMs },
    proxyTunnel: false, // what is not encrypted is asked of the proxy itself: many allow tunnels to port 443 only
    clientFactory: (origin, options) => new Pool(origin, { ...timeouts, ...options }).compose(failForGood),
  });
  const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: 5 }));
  const endAll = () => void agent.destroy(); // a request's own signal is not heard before it has a connection
  signal.addEventListener('abort', endAll, { once: true });
  return {
    async get(url, headers) {
      const fail = (cause: unknown): never => {
        if (signal.aborted) throw signal.reason;
        throw unreachable(url, cause, stallMs);
      };
      const answer = await request(withoutCredentials(url), {
        ...timeouts,
        dispatcher,
        headers: { ...headers, ...credentialsOf(url) },
      }).catch(fail);
      return {
        status: answer.statusCode,
        header: (name) => [answer.headers[name]].flat()[0],
        ignore: () => answer.body.dump().catch(fail),
        async *body() {
          try {
            yield* answer.body;
          } catch (err) {
            fail(err);
          }
        },
      };
    },
    close: () => {
      signal.removeEventListener('abort', endAll);
      return agent.destroy();
    },
  };
}

/** A proxy that hangs up would be asked again without end, because undici takes its own socket errors for passing ones. */
const failForGood: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) =>
  dispatch(options, {
    onRequestStart: (...values) => handler.onRequestStart?.(...values),
    onRequestUpgrade: (...values) => handler.onRequestUpgrade?.(...values),
    onResponseStart: (...values) => handler.onResponseStart?.(...values),
    onResponseError: (controller, cause) =>
      handler.onResponseError?.(controller, new Error(`the proxy fails: ${cause.message}`, { cause })),
  });

/** For messages: without user and password, and without the query, which may be a key as well. */
export function shownUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

function withoutCredentials(url: URL): URL {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return bare;
}

function credentialsOf({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` };
}

function unreachable(url: URL, cause: unknown, stallMs: number): BrambleError {
  return new BrambleError(
    'UNREACHABLE',
    `cannot download ${shownUrl(url)}: ${reasonOf(cause, stallMs)}; check the address, the network and its proxy, and run this again: what was received is kept`,
    { cause },
  );
}

function reasonOf(cause: unknown, stallMs: number): string {
  switch (systemCode(cause)) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the name of its host is not known here';
    case 'ECONNREFUSED':
      return 'its host refuses the connection';
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return 'the connection was cut';
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return `its host sent nothing for ${Math.round(stallMs / 1_000)} s`;
    default:
      return messageOf(cause);
  }
}
