import type { IncomingMessage, ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';
import { startHttpServer } from './http-server.ts';

export interface ImageHost {
  /** Of the image. */
  readonly url: URL;
  /** The requests for the image that came, `.sha256` and others left out. */
  readonly requests: readonly IncomingMessage[];
  content: Buffer;
  etag: string | undefined;
  /** What `<url>.sha256` says; there is none without it. */
  sha256: string | undefined;
  /** What happens to the next answers with the image, one each; without one they are whole. */
  readonly mishaps: Mishap[];
  close(): Promise<void>;
}

export type Mishap =
  | { readonly kind: 'status'; readonly status: number; readonly location?: string }
  /** The connection is cut, or nothing more is sent, after so many bytes. */
  | { readonly kind: 'cut' | 'stall'; readonly afterBytes: number };

/** A web server with one image, for the running test: with versions, ranges and conditions as RFC 9110 has them. */
export async function startImageHost(content: Buffer, path = '/os/raspios.img.xz'): Promise<ImageHost> {
  const requests: IncomingMessage[] = [];
  const server = await startHttpServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', host.url);
    if (pathname === `${path}.sha256` && host.sha256 !== undefined) return response.end(host.sha256);
    if (pathname !== path) return response.writeHead(404).end();
    requests.push(request);
    return answer(host, request, response);
  });
  const host: ImageHost = {
    url: new URL(`http://${server.address}${path}`),
    requests,
    content,
    etag: '"one"',
    sha256: undefined,
    mishaps: [],
    close: () => server.close(),
  };
  onTestFinished(() => server.close().catch(() => {})); // it may be closed already
  return host;
}

function answer({ content, etag, mishaps }: ImageHost, request: IncomingMessage, response: ServerResponse) {
  const mishap = mishaps.shift();
  if (mishap?.kind === 'status')
    return response.writeHead(mishap.status, mishap.location ? { location: mishap.location } : {}).end();
  if (etag !== undefined) response.setHeader('etag', etag);
  if (etag !== undefined && request.headers['if-none-match'] === etag) return response.writeHead(304).end();
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const isPart = start > 0 && request.headers['if-range'] === etag;
  if (isPart && start >= content.length) return response.writeHead(416).end();
  const body = isPart ? content.subarray(start) : content;
  if (isPart) response.setHeader('content-range', `bytes ${start}-${content.length - 1}/${content.length}`);
  response.writeHead(isPart ? 206 : 200, { 'content-length': body.length });
  if (mishap === undefined) return response.end(body);
  return response.write(body.subarray(0, mishap.afterBytes), () => {
    if (mishap.kind === 'cut') response.destroy();
  });
}
