import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Service } from '../lifecycle/service.ts';
import { BrambleError, systemCode } from '../support/errors.ts';
import { createApp } from './app.ts';
import type { App } from './app-types.ts';
import { OpenStreams } from './open-streams.ts';
import type { GatewayOptions } from './ports.ts';

/** Requests still running then are cut: a service has two seconds to stop. */
const stopGraceMs = 1_500;
/** A connection that falls idle during the stop is closed this soon after. */
const idleCheckMs = 25;
/** File descriptors are a shared good: more connections than this are closed at once. */
const maxConnections = 4_096;

/** The HTTP door: OpenFaaS's API and Bramble's own, functions and metrics, all on one port. */
export class Gateway implements Service {
  readonly name = 'gateway';
  readonly #options: GatewayOptions;
  readonly #streams = new OpenStreams();
  #app: App | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  /** Rejects PORT_TAKEN or CONFIG_INVALID with a sentence that says what to change. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { host, port, log } = this.#options;
    const app = await createApp(this.#options, {
      streams: this.#streams,
      addresses: () => this.addresses,
    });
    app.server.maxConnections = maxConnections;
    app.server.on('connection', (socket) => socket.setNoDelay(true));
    try {
      await app.listen({ host, port });
    } catch (err) {
      await app.close();
      throw toListenError(err, host, port);
    }
    this.#app = app;
    log.info({ addresses: this.addresses }, 'gateway listens');
  }

  /** Takes no new request, lets running ones finish for a moment, ends streams and idle connections at once. */
  async stop(): Promise<void> {
    const app = this.#app;
    if (app === undefined) return;
    this.#app = undefined;
    const { clock } = this.#options;
    this.#streams.endAll('the agent is stopping');
    const stopIdleCheck = clock.every(idleCheckMs, () => app.server.closeIdleConnections());
    const cancelCut = clock.after(stopGraceMs, () => app.server.closeAllConnections());
    try {
      await app.close();
    } finally {
      stopIdleCheck();
      cancelCut();
    }
  }

  /** The port in use; the system's choice when 0 was asked for. */
  get port(): number {
    const address = this.#app?.server.address();
    return typeof address === 'object' && address !== null ? address.port : this.#options.port;
  }

  /** Where it can be reached: `http://127.0.0.1:8080`. With a wildcard host, one for each network interface. */
  get addresses(): readonly string[] {
    const { host } = this.#options;
    const hosts = host === '0.0.0.0' || host === '::' ? hostAddresses(host) : [host];
    return hosts.map((one) => `http://${isIPv6(one) ? `[${one}]` : one}:${this.port}`);
  }
}

function hostAddresses(host: string): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, scopeid }) => family === 'IPv4' || (host === '::' && !scopeid))
    .map(({ address }) => address);
}

function toListenError(cause: unknown, host: string, port: number): BrambleError {
  const setting = 'gateway.port (BRAMBLE_GATEWAY__PORT)';
  switch (systemCode(cause)) {
    case 'EADDRINUSE':
      return new BrambleError(
        'PORT_TAKEN',
        `cannot serve on port ${port} of ${host}: another program listens there. Stop it, or choose another ${setting}`,
        { cause },
      );
    case 'EACCES':
      return new BrambleError(
        'PORT_TAKEN',
        `cannot serve on port ${port} of ${host}: not allowed. Choose a ${setting} above 1023`,
        { cause },
      );
    default:
      return new BrambleError(
        'CONFIG_INVALID',
        `cannot serve on ${host}: it is no address of this machine. Set gateway.host to 127.0.0.1 or 0.0.0.0`,
        { cause },
      );
  }
}
