import { type Clock, sleep } from '../support/clock.ts';
import { BrambleError, toBrambleError } from '../support/errors.ts';
import { hideCredentials } from '../support/hide-credentials.ts';
import type { Log } from '../support/log.ts';
import type { Metrics } from '../support/metrics.ts';
import { type Backoff, backoffMs } from '../support/retry.ts';
import type { Bus, BusState, Incoming, Outgoing, Presence, SubscribeOptions } from './bus.ts';
import { type BusMetrics, busMetrics } from './bus-metrics.ts';
import { StateCell } from './bus-state.ts';
import { checkFilter, checkTopic } from './check-topic.ts';
import { presenceMessage } from './message.ts';
import { BrokerSubscriptions, isRefused, logRefusal } from './mqtt/broker-subscriptions.ts';
import { MqttConnection } from './mqtt/mqtt-connection.ts';
import type { ConnectionOptions } from './mqtt/mqtt-options.ts';
import { VersionChoice } from './mqtt/mqtt-version.ts';
import type { AdoptedSession } from './mqtt/session-takeover.ts';
import { brokerShares } from './mqtt/share-probe.ts';
import { type Handler, Subscriptions } from './subscriptions.ts';

/** Full jitter over this range, so that nodes that lost their broker together do not come back together. */
const backoff: Backoff = { minMs: 500, maxMs: 30_000 };
/** A connection that lasted so long was a good one: the next failure starts the backoff anew. */
const stableMs = 10_000;
/** `start` waits so long for the broker, then goes on offline: sensors and functions work without it. */
const startGraceMs = 2_000;
const farewellMs = 1_000;

export interface MqttBusOptions {
  readonly url: string;
  /** The same in every run: under it the broker keeps our subscriptions and what we have not acknowledged. */
  readonly clientId: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** PEM of the authority that signed the broker's certificate; the system's authorities unless given. */
  readonly ca?: string | undefined;
  readonly protocol: 'auto' | '5' | '3.1.1';
  readonly presence?: Presence | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** In [0, 1). */
  readonly random?: () => number;
}

/**
 * The bus over an MQTT broker, which keeps our session while we are away. Reconnects for ever; each time subscriptions
 * are made anew (retained messages are given again then) and `presence.online` is published. With the first connection
 * come messages that the broker kept: subscribe before `start`, because what no handler matches is acknowledged.
 *
 * When a handler fails the connection is broken after a second, so that the broker repeats its message and those after
 * it; handlers must bear repetition anyway. On MQTT 3.1.1 a message does not say which subscription it came by: a
 * group's handler then also sees what a plain subscription of ours brings, if its filter matches.
 */
export class MqttBus implements Bus {
  readonly name = 'bus';
  readonly #options: MqttBusOptions;
  readonly #random: () => number;
  readonly #metrics: BusMetrics;
  readonly #state = new StateCell();
  readonly #subscriptions = new Subscriptions();
  readonly #version: VersionChoice;
  readonly #atBroker: BrokerSubscriptions;
  #connection: MqttConnection | undefined;
  #hasBeenOnline = false;
  #problem: BrambleError | undefined;
  #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: MqttBusOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#metrics = busMetrics(options.metrics);
    this.#version = new VersionChoice(options.protocol);
    this.#atBroker = new BrokerSubscriptions((connection) => this.#askIfShared(connection), options.log);
  }

  get state(): BusState {
    return this.#state.value;
  }

  /** Why there is no connection: BUS_REFUSED when the broker does not want us, else BUS_OFFLINE. */
  get problem(): BrambleError | undefined {
    return this.#problem;
  }

  /** Resolves when connected, or after a short while without. */
  async start(signal: AbortSignal): Promise<void> {
    const { url } = this.#options;
    if (!URL.canParse(url))
      throw new BrambleError('CONFIG_INVALID', `mqtt.url is no address of a broker: ${hideCredentials(url)}`);
    this.#stopping = new AbortController();
    this.#running = this.#stayConnected(this.#stopping.signal);
    try {
      await this.#onlineOrGrace(signal);
    } catch (err) {
      await this.stop();
      throw err;
    }
  }

  async stop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#stopping.abort();
    if (connection?.isOpen) await this.#sayOffline(connection);
    await connection?.end();
    await this.#running;
  }

  async publish(message: Outgoing): Promise<void> {
    checkTopic(message.topic);
    const connection = this.#openConnection;
    if (!connection) {
      const why = this.#problem?.message ?? 'there is no connection';
      throw new BrambleError('BUS_OFFLINE', `cannot publish to ${message.topic}: ${why}`, {
        cause: this.#problem,
      });
    }
    await connection.publish(message);
    this.#metrics.message('out');
  }

  async subscribe(
    filter: string,
    handler: Handler,
    options: SubscribeOptions = {},
  ): Promise<() => Promise<void>> {
    checkFilter(filter);
    const { route, remove } = this.#subscriptions.add(filter, handler, options.group);
    const end = async () => {
      if (remove()) await this.#atBroker.remove(this.#openConnection, route);
    };
    try {
      if (this.#openConnection) await this.#atBroker.add(this.#openConnection, route);
    } catch (err) {
      // Else the connection broke: the subscription is made with the next one.
      if (isRefused(err)) {
        await end();
        throw err;
      }
    }
    return end;
  }

  onState(listener: (state: BusState) => void): () => void {
    return this.#state.listen(listener);
  }

  /**
   * Opens the session that the broker keeps for another client, and has our handlers take what it holds for groups, until
   * that client comes back or `end` is called. Rejects BUS_OFFLINE and BUS_REFUSED.
   */
  async adopt(clientId: string): Promise<AdoptedSession> {
    if (!this.#openConnection)
      throw new BrambleError('BUS_OFFLINE', `cannot adopt ${clientId}: not connected`);
    const connection = new MqttConnection({
      ...this.#connectionOptions(),
      clientId,
      presence: undefined, // it is and stays offline
      onMessage: (message, ids) => this.#subscriptions.dispatchForGroups(message, ids),
    });
    await connection.open();
    return { closed: connection.closed, end: () => connection.end() };
  }

  async #stayConnected(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const sinceMs = clock.monotonicMs();
      const connection = new MqttConnection(this.#connectionOptions());
      this.#connection = connection;
      const reason = await this.#use(connection);
      this.#wentOffline(reason, signal);
      if (connection.wasHungUpOn) this.#version.wasHungUpOn();
      if (connection.isVersionRefused && this.#version.wasRefused()) continue;
      failures = clock.monotonicMs() - sinceMs >= stableMs ? 1 : failures + 1;
      await sleep(clock, backoffMs(failures, backoff, this.#random()), signal).catch(() => {});
    }
  }

  /** Resolves when the connection has ended, or was never made, to the reason. */
  async #use(connection: MqttConnection): Promise<BrambleError> {
    try {
      await connection.open();
      this.#version.worked();
      await this.#settleIn(connection);
      if (this.#connection === connection && connection.isOpen) this.#wentOnline(connection);
    } catch (err) {
      await connection.break(toBrambleError(err));
    }
    return connection.closed;
  }

  async #settleIn(connection: MqttConnection): Promise<void> {
    const { presence, log } = this.#options;
    await this.#atBroker.restore(connection, this.#subscriptions.routes);
    // Not after `stop`, whose `offline` must be the last word.
    if (presence && this.#connection === connection)
      await connection
        .publish(presenceMessage(presence, 'online'))
        .catch((err: unknown) => logRefusal(err, log));
  }

  async #askIfShared(connection: MqttConnection): Promise<boolean> {
    const { presence, clock } = this.#options;
    // On MQTT 5 the broker tells. Without a presence there is nothing that could be published to find out.
    if (connection.level === 5 || !presence) return connection.mayShare;
    return brokerShares(this.#connectionOptions(), presenceMessage(presence, 'online'), clock);
  }

  #wentOnline(connection: MqttConnection): void {
    const { log, url } = this.#options;
    log.info({ broker: new URL(url).host, protocol: connection.level }, 'connected to broker');
    this.#problem = undefined;
    if (this.#hasBeenOnline) this.#metrics.reconnected();
    this.#hasBeenOnline = true;
    this.#metrics.connected(true);
    this.#state.set('online');
  }

  #wentOffline(reason: BrambleError, { aborted }: AbortSignal): void {
    this.#metrics.connected(false);
    this.#problem = aborted ? undefined : reason;
    this.#state.set('offline');
    if (aborted) return;
    if (isRefused(reason)) this.#options.log.error({ err: reason }, 'broker refuses us, trying again');
    else this.#options.log.warn({ err: reason }, 'broker cannot be reached, trying again');
  }

  async #sayOffline(connection: MqttConnection): Promise<void> {
    const { presence, clock } = this.#options;
    if (!presence) return;
    const late = new AbortController();
    await Promise.race([
      connection.publish(presenceMessage(presence, 'offline')).catch(() => {}),
      sleep(clock, farewellMs, late.signal).catch(() => {}),
    ]);
    late.abort();
  }

  async #onlineOrGrace(signal: AbortSignal): Promise<void> {
    const online = new AbortController();
    const unlisten = this.#state.listen((state) => {
      if (state === 'online') online.abort();
    });
    try {
      const early = AbortSignal.any([online.signal, this.#stopping.signal, signal]);
      await sleep(this.#options.clock, startGraceMs, early);
    } catch {
      signal.throwIfAborted();
    } finally {
      unlisten();
    }
  }

  get #openConnection(): MqttConnection | undefined {
    return this.#connection?.isOpen ? this.#connection : undefined;
  }

  #connectionOptions(): ConnectionOptions {
    const { url, clientId, username, password, ca, presence, clock, log } = this.#options;
    const onMessage = (message: Incoming, ids: readonly number[] | undefined) => {
      this.#metrics.message('in');
      return this.#subscriptions.dispatch(message, ids);
    };
    const level = this.#version.level;
    return { url, clientId, username, password, ca, presence, clock, log, onMessage, level, session: 'kept' };
  }
}
