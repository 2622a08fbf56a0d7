import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Path and query as they came. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Answers one request; `undefined` where the route is not this one's. */
export type Route = (request: SeenRequest, response: ServerResponse) => void;

export interface FakeGateway {
  readonly url: string;
  /** All requests since it was opened, in order. */
  readonly seen: SeenRequest[];
  /** Answers `METHOD /path` from now on in this way; everything else is 404. */
  on(route: string, answer: Route): void;
  close(): Promise<void>;
}

/** A gateway that says what the test tells it to say. */
export async function openFakeGateway(): Promise<FakeGateway> {
  const routes = new Map<string, Route>();
  const seen: SeenRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const url = new URL(incoming.url ?? '/', 'http://gateway');
    const request: SeenRequest = {
      method: incoming.method ?? '',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      url: incoming.url ?? '',
      headers: incoming.headers,
      body: await buffer(incoming),
    };
    seen.push(request);
    const answer = routes.get(`${request.method} ${request.path}`) ?? refuse('NOT_FOUND', 404);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP, in the line above
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    on: (route, answer) => void routes.set(route, answer),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function json(value: unknown, status = 200): Route {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
}

export function empty(status: number): Route {
  return (_request, response) => void response.writeHead(status).end();
}

/** As the gateway refuses. */
export function refuse(code: string, status: number, message = `no: ${code}`): Route {
  return (_request, response) => {
    response
      .writeHead(status, { 'x-bramble-error': code })
      .end(JSON.stringify({ error: { code, message, problems: [] } }));
  };
}
