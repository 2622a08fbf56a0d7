import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';

export interface HttpServer {
  /** `127.0.0.1:4711` */
  readonly address: string;
  readonly port: number;
  /** Breaks all connections and listens no more. */
  close(): Promise<void>;
}

export async function startHttpServer(
  listener: RequestListener,
  { host = '127.0.0.1' }: { readonly host?: string } = {},
): Promise<HttpServer> {
  const server = createServer(listener).listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('not a TCP server');
  return {
    address: `${host}:${address.port}`,
    port: address.port,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
