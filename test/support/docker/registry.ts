import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';

/** A registry with one image, an empty file system, that only one user may have. Speaks what a pull needs, no more. */
export interface PrivateRegistry {
  /** `10.77.x.1:port`; Engines need it as `--insecure-registry`. */
  readonly host: string;
  /** Name that the image is pulled by. */
  readonly image: string;
  readonly digest: string;
  /** Pulls of the image's configuration with the right login. */
  pulls(): number;
  close(): Promise<void>;
}

export async function openPrivateRegistry(
  address: string,
  login: { readonly user: string; readonly password: string },
): Promise<PrivateRegistry> {
  const wanted = `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`;
  // Two empty blocks are an archive without files.
  const archive = Buffer.alloc(1_024);
  const layer = gzipSync(archive);
  const config = Buffer.from(
    JSON.stringify({
      ...{ architecture: 'amd64', os: 'linux', config: { Cmd: ['/nothing'] } },
      rootfs: { type: 'layers', diff_ids: [digestOf(archive)] },
    }),
  );
  const schema = 'application/vnd.docker.distribution.manifest.v2+json';
  const manifest = Buffer.from(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: schema },
      config: {
        mediaType: 'application/vnd.docker.container.image.v1+json',
        ...{ size: config.length, digest: digestOf(config) },
      },
      layers: [
        {
          mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
          ...{ size: layer.length, digest: digestOf(layer) },
        },
      ],
    }),
  );
  let pulls = 0;
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? '';
    const send = (status: number, body: Buffer, type: string) => {
      response.setHeader('docker-content-digest', digestOf(body));
      response.writeHead(status, { 'content-type': type, 'content-length': body.length });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    if (request.headers.authorization !== wanted) {
      response.setHeader('www-authenticate', 'Basic realm="test"');
      return send(401, Buffer.from('{"errors":[{"code":"UNAUTHORIZED"}]}'), 'application/json');
    }
    if (path === '/v2/') return send(200, Buffer.from('{}'), 'application/json');
    if (path.startsWith('/v2/private/manifests/')) return send(200, manifest, schema);
    for (const blob of [config, layer])
      if (path === `/v2/private/blobs/${digestOf(blob)}`) {
        if (blob === config) pulls += 1;
        return send(200, blob, 'application/octet-stream');
      }
    return send(404, Buffer.from('{"errors":[{"code":"NAME_UNKNOWN"}]}'), 'application/json');
  };
  const server = createServer(answer).listen(0, address);
  await once(server, 'listening');
  const bound = server.address();
  const host = `${address}:${typeof bound === 'object' ? bound?.port : ''}`;
  return {
    host,
    image: `${host}/private:1`,
    digest: digestOf(manifest),
    pulls: () => pulls,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
