import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Aedes, type AedesOptions, type Client, type PublishPacket } from 'aedes';
import { writeToStream } from 'mqtt-packet';
import { BrambleError, messageOf, systemCode } from '../support/errors.ts';
import type { Log } from '../support/log.ts';
import { isLoopback } from '../support/loopback.ts';
import type { Metrics } from '../support/metrics.ts';
import type { Bus, BusState, Incoming, Outgoing, Presence, SubscribeOptions } from './bus.ts';
import { type BusMetrics, busMetrics } from './bus-metrics.ts';
import { StateCell } from './bus-state.ts';
import { checkFilter, checkTopic } from './check-topic.ts';
import { presenceMessage, received } from './message.ts';
import { limitPackets } from './packet-sizes.ts';
import { RetainedMessages } from './retained.ts';
import { type Handler, run, Subscriptions } from './subscriptions.ts';

/** A subscriber that takes nothing for so long is dropped: until then it can hold up the others. */
const drainTimeoutMs = 10_000;
/** A connection has so long to say CONNECT. */
const connectTimeoutMs = 10_000;
const maxConnections = 500;
const maxPacketBytes = 10 * 1024 * 1024;
const maxRetainedTopics = 10_000;

export interface AedesBusOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Asked of every client; needed to listen beyond loopback. */
  readonly credentials?: { readonly user: string; readonly password: string } | undefined;
  readonly presence?: Presence | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * An MQTT 3.1.1 broker inside this process, and the bus on it. A message that a client publishes at QoS 1 or 2 is
 * acknowledged after our handlers have resolved; if one rejects, the client is disconnected and has to send it again.
 * What we publish ourselves reaches our handlers without a socket, and a rejection of theirs reaches the caller.
 *
 * Retained messages, and the sessions of clients that are away, live in memory and end with the process: a broker for
 * one node. There are no shared subscriptions for clients; of our own groups we are the only member.
 */
export class AedesBus implements Bus {
  readonly name = 'bus';
  readonly #options: AedesBusOptions;
  readonly #metrics: BusMetrics;
  readonly #state = new StateCell();
  readonly #subscriptions = new Subscriptions();
  readonly #sockets = new Set<Socket>();
  /** Per client: settled when all that it has published so far may be acknowledged. */
  readonly #turns = new WeakMap<Client, Promise<void>>();
  #retained = new RetainedMessages();
  #broker: Aedes | undefined;
  #server: Server | undefined;

  constructor(options: AedesBusOptions) {
    this.#options = options;
    this.#metrics = busMetrics(options.metrics);
  }

  get state(): BusState {
    return this.#state.value;
  }

  /** Where it listens; another than asked for if that was 0. */
  get port(): number | undefined {
    const address = this.#server?.address();
    return typeof address === 'object' ? address?.port : undefined;
  }

  /** Rejects with CONFIG_INVALID or PORT_TAKEN. Subscribe before: what no handler matches is acknowledged at once. */
  async start(): Promise<void> {
    const { listen, credentials, presence, log } = this.#options;
    if (!isLoopback(listen.host) && credentials === undefined)
      throw new BrambleError(
        'CONFIG_INVALID',
        `the embedded broker would be open to everyone at ${listen.host}: set a user and a password, or listen on 127.0.0.1`,
      );
    this.#retained = new RetainedMessages();
    writeToStream.cacheNumbers = false; // a buffer for each of 65 536 numbers: 6 MB
    const broker = await Aedes.createBroker(this.#brokerOptions());
    broker.addListener('error', (err) => log.error({ err }, 'embedded broker failed'));
    broker.on('clientError', (client, err) => log.warn({ err, client: client.id }, 'MQTT client dropped'));
    broker.on('connectionError', (_, err) => log.warn({ err }, 'MQTT connection dropped'));
    const server = createServer({ noDelay: true }, (socket) => this.#serve(broker, socket));
    server.maxConnections = maxConnections;
    try {
      server.listen(listen.port, listen.host);
      await once(server, 'listening');
    } catch (err) {
      await closed(broker);
      throw listenError(err, listen);
    }
    server.on('error', (err) => log.error({ err }, 'MQTT listener failed'));
    this.#broker = broker;
    this.#server = server;
    this.#state.set('online');
    this.#metrics.connected(true);
    if (presence) await this.#accept(broker, presenceMessage(presence, 'online')).catch(this.#logFailure);
  }

  async stop(): Promise<void> {
    const { presence } = this.#options;
    const broker = this.#broker;
    const server = this.#server;
    if (broker === undefined || server === undefined) return;
    this.#broker = undefined;
    const released = new Promise((resolve) => server.close(resolve));
    if (presence) await this.#accept(broker, presenceMessage(presence, 'offline')).catch(this.#logFailure);
    this.#state.set('offline');
    this.#metrics.connected(false);
    await closed(broker);
    for (const socket of this.#sockets) socket.destroy();
    await released;
    this.#server = undefined;
  }

  async publish(message: Outgoing): Promise<void> {
    checkTopic(message.topic);
    if (this.#broker === undefined)
      throw new BrambleError(
        'BUS_OFFLINE',
        `cannot publish to ${message.topic}: the embedded broker is not running`,
      );
    await this.#accept(this.#broker, message);
  }

  async subscribe(
    filter: string,
    handler: Handler,
    options: SubscribeOptions = {},
  ): Promise<() => Promise<void>> {
    checkFilter(filter);
    const { remove } = this.#subscriptions.add(filter, handler, options.group);
    if (options.group === undefined)
      for (const message of this.#retained.matching(filter))
        void run(handler, message).catch(this.#logFailure);
    return async () => {
      remove();
    };
  }

  onState(listener: (state: BusState) => void): () => void {
    return this.#state.listen(listener);
  }

  /** A message of our own: to clients in the order of publishing, to our handlers at the same time. */
  async #accept(broker: Aedes, message: Outgoing): Promise<void> {
    const { qos = 1, retain = false } = message;
    const incoming = received(message);
    this.#metrics.message('out');
    const forwarded = forward(broker, incoming, { qos, retain });
    // As with any broker, `publish` returns before handlers run.
    await Promise.resolve();
    const handled = this.#dispatch(incoming, retain);
    await Promise.all([forwarded, qos === 0 ? handled.catch(this.#logFailure) : handled]);
  }

  /** Starts the handlers before it returns. */
  #dispatch(message: Incoming, retain: boolean): Promise<void> {
    this.#metrics.message('in');
    // Stored before a handler has had a say, so that nobody who subscribes meanwhile misses it.
    if (retain) this.#retained.store(message);
    return this.#subscriptions.dispatch(message);
  }

  #serve(broker: Aedes, socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    limitPackets(socket, maxPacketBytes);
    broker.handle(socket);
  }

  #brokerOptions(): AedesOptions {
    const { credentials } = this.#options;
    return {
      drainTimeout: drainTimeoutMs,
      connectTimeout: connectTimeoutMs,
      authenticate: (_, user, password, done) => {
        const isAllowed =
          credentials === undefined ||
          (isSame(user, credentials.user) && isSame(password, credentials.password));
        if (isAllowed) done(null, true);
        else done(Object.assign(new Error('bad user name or password'), { returnCode: 4 as const }), null);
      },
      authorizePublish: (client, packet, done) => this.#admit(client, packet, done),
    };
  }

  /**
   * Called for a client's message before it is acknowledged, stored or forwarded, and for the last will of one that has
   * vanished; for all messages in what was read of a socket at once. Goes on in the order of arrival, so acknowledgements do.
   */
  #admit(client: Client | null, packet: PublishPacket, done: (err?: Error) => void): void {
    const { topic, qos, retain } = packet;
    const problem = this.#problemWith(packet);
    if (problem !== undefined) {
      done(new Error(problem));
      return;
    }
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
    const handled = this.#dispatch(
      { topic, payload, retain: false, contentType: undefined, properties: {} },
      retain,
    );
    const isWill = client === null || client.closed;
    // Nobody would send these again.
    const admitted = isWill || qos === 0 ? handled.catch(this.#logFailure) : handled;
    if (isWill) {
      void admitted.then(() => done());
      return;
    }
    const turn = Promise.all([this.#turns.get(client), admitted]).then(() => {});
    this.#turns.set(client, turn);
    turn.then(
      () => done(),
      (err: unknown) => {
        if (!client.closed)
          done(new Error(`message to ${topic} was not accepted: ${messageOf(err)}`, { cause: err }));
      },
    );
  }

  #problemWith({ topic, retain, payload }: PublishPacket): string | undefined {
    if (topic.startsWith('$')) return `topics that start with "$" belong to the broker: ${topic}`;
    const isNew = retain && payload.length > 0 && !this.#retained.has(topic);
    if (isNew && this.#retained.size >= maxRetainedTopics) return `over ${maxRetainedTopics} retained topics`;
    return undefined;
  }

  readonly #logFailure = (err: unknown): void => {
    this.#options.log.error({ err }, 'handler failed, message is lost');
  };
}

function forward(
  broker: Aedes,
  { topic, payload }: Incoming,
  { qos, retain }: { qos: 0 | 1; retain: boolean },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const packet = { cmd: 'publish' as const, topic, payload: Buffer.from(payload), qos, retain, dup: false };
    broker.publish(packet, (err) => (err ? reject(err) : resolve()));
  });
}

function closed(broker: Aedes): Promise<void> {
  return new Promise((resolve) => broker.close(resolve));
}

function listenError(err: unknown, { host, port }: { host: string; port: number }): BrambleError {
  const code = systemCode(err);
  if (code === 'EADDRINUSE')
    return new BrambleError(
      'PORT_TAKEN',
      `MQTT port ${port} on ${host} is taken: stop the other broker, use it (mqtt.url), or set mqtt.listen.port`,
      { cause: err },
    );
  return new BrambleError(
    'CONFIG_INVALID',
    `cannot listen for MQTT on ${host}:${port} (${code ?? messageOf(err)})`,
    {
      cause: err,
    },
  );
}

/** Takes the same time whatever differs. */
function isSame(given: string | Buffer | undefined, wanted: string): boolean {
  const digest = (text: string | Buffer) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given ?? ''), digest(wanted));
}
